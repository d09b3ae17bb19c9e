// Between verdict and decision: samples of flagged classes whose trigger is everywhere in the image are purified
// again, one by one, and a matched filter says which of them carry it. All other records pass as they are.

import { bufferCount, mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import type { CarrierTest } from '../../src/defense/knowledge.ts';
import type { Outcome } from '../../src/errors.ts';
import { inOrder } from '../operators/in-order.ts';
import { type Either, quarantine } from '../operators/quarantine.ts';
import type { JudgedRecord, Refuse, Refused } from '../records.ts';
import type { Runner } from '../runner.ts';
import { attemptedInBatches } from './attempts.ts';
import { responses } from './examine.ts';
import { rawSamples } from './raw-samples.ts';

/** A judged record; `carries` is left out where nobody can tell. */
export interface InspectedRecord extends JudgedRecord {
  readonly carries?: boolean;
}

interface InspectParts {
  readonly store: SampleStore;
  readonly runner: Runner;
  /** Images a call of the runner. */
  readonly batch: number;
  /** Records looked at together, at most half of the samples in flight. */
  readonly group: number;
  readonly refuse: Refuse;
}

type Inspected = Either<InspectedRecord, Refused>;

/** Inspects in the order in which records come. */
export function inspect(parts: InspectParts): OperatorFunction<JudgedRecord, InspectedRecord> {
  return pipe(
    bufferCount(parts.group),
    inOrder(2, (group) => inspectGroup(group, parts)),
    mergeMap((group) => group),
    quarantine(parts.refuse),
  );
}

async function inspectGroup(
  group: readonly JudgedRecord[],
  { store, runner, batch }: InspectParts,
): Promise<readonly Inspected[]> {
  const inspected = await attemptedInBatches(
    'select',
    group.filter((judged) => carrierTestOf(judged) !== undefined),
    batch,
    ({ record }) => record.id,
    async (suspects): Promise<Outcome<readonly InspectedRecord[]>> => {
      const raw = rawSamples(
        store,
        suspects.map(({ record }) => record),
      );
      const tests = suspects.map((judged) => carrierTestOf(judged)!);
      const found = await responses(raw, (at) => tests[at]!.filter, runner);
      if (!found.ok) return found;
      const value = suspects.map((judged, at) => ({
        ...judged,
        carries: found.value[at]! > tests[at]!.threshold,
      }));
      return { ok: true, value };
    },
  );
  const next = inspected.values();
  return group.map((judged) => (carrierTestOf(judged) ? next.next().value! : { ok: true, value: judged }));
}

function carrierTestOf({ record, knowledge }: JudgedRecord): CarrierTest | undefined {
  return knowledge?.carriers.get(record.label);
}
