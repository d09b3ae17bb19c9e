// Steps 5 and 6: with the verdict known, each sample is settled (raw or purified) or waits for the benign model.

import { map, type OperatorFunction, pipe } from 'rxjs';
import { decideRepair, type RepairPolicy } from '../../src/defense/repair.ts';
import { counted, type Report } from '../progress.ts';
import type { JudgedRecord, SettledSample, WaitingSample } from '../records.ts';
import { type SettleParts, settle } from './settle.ts';

export function select(
  parts: SettleParts & { readonly policy: RepairPolicy; readonly report: Report },
): OperatorFunction<JudgedRecord, SettledSample | WaitingSample> {
  return pipe(
    map(({ record, verdict }) => ({
      record,
      repair: decideRepair(record, verdict.targetLabels, parts.policy),
    })),
    settle(parts),
    counted('select', parts.report, () => parts.store.count),
  );
}
