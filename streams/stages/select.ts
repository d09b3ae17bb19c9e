// Steps 5 and 6: with the verdict known, each sample is settled (raw or purified) or waits for the benign model.

import { defer, map, type OperatorFunction } from 'rxjs';
import { decideRepair, type RepairPolicy } from '../../src/defense/repair.ts';
import type { Residuals } from '../../src/defense/residuals.ts';
import { locateTrigger, type Trigger } from '../../src/defense/trigger.ts';
import { counted, type Report } from '../progress.ts';
import type { JudgedRecord, SettledSample, WaitingSample } from '../records.ts';
import { type SettleParts, settle } from './settle.ts';

export function select(
  parts: SettleParts & {
    readonly policy: RepairPolicy;
    /** What purification removed from the samples that came this way before. */
    readonly residuals: Residuals;
    readonly report: Report;
  },
): OperatorFunction<JudgedRecord, SettledSample | WaitingSample> {
  return (source) =>
    defer(() => {
      const triggers = new Map<number, Trigger | undefined>();
      const triggerOf = (label: number, targets: readonly number[]) => {
        if (!triggers.has(label)) {
          triggers.set(label, locateTrigger(parts.residuals, label, targets, parts.store.shape));
        }
        return triggers.get(label);
      };
      return source.pipe(
        map(({ record, verdict: { targetLabels } }) => {
          const repair = decideRepair(record, targetLabels, parts.policy);
          if (repair.action !== 'restore') return { record, repair };
          return { record, repair, mask: triggerOf(record.label, targetLabels)?.mask };
        }),
        settle(parts),
        counted('select', parts.report, () => parts.store.count),
      );
    });
}
