// Between verdict and decision: samples of flagged classes are put to the test that says which of them carry the trigger,
// where there is one. All other records pass as they are.

import { bufferCount, mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import type { CarrierTest } from '../../src/defense/repair/knowledge.ts';
import type { Outcome } from '../../src/errors.ts';
import type { JudgedRecord, Refuse, Refused } from '../../src/ports/records.ts';
import { inOrder } from '../operators/in-order.ts';
import { type Either, quarantine } from '../operators/quarantine.ts';
import { mapped } from './ask.ts';
import { attemptedInBatches } from './attempts.ts';
import { rawSamples } from './raw-samples.ts';

/** A judged record; `carries` is undefined where nobody can tell. */
export interface InspectedRecord extends JudgedRecord {
  readonly carries?: boolean | undefined;
}

interface InspectParts {
  readonly store: SampleStore;
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
  { store, batch }: InspectParts,
): Promise<readonly Inspected[]> {
  const tests = new Set(group.flatMap((judged) => carrierTestOf(judged) ?? []));
  const inspected = new Map<CarrierTest | undefined, Iterator<Inspected>>();
  for (const test of tests) {
    const suspects = group.filter((judged) => carrierTestOf(judged) === test);
    inspected.set(test, (await tested(suspects, test, store, batch)).values());
  }
  return group.map((judged) => {
    const next = inspected.get(carrierTestOf(judged));
    return next ? next.next().value! : { ok: true, value: judged };
  });
}

function tested(
  suspects: readonly JudgedRecord[],
  test: CarrierTest,
  store: SampleStore,
  batch: number,
): Promise<readonly Inspected[]> {
  return attemptedInBatches(
    'select',
    suspects,
    batch,
    ({ record }) => record.id,
    async (some): Promise<Outcome<readonly InspectedRecord[]>> => {
      const raw = rawSamples(
        store,
        some.map(({ record }) => record),
      );
      return mapped(await test(raw), (carries, at) => ({ ...some[at]!, carries }));
    },
  );
}

function carrierTestOf({ record, knowledge }: JudgedRecord): CarrierTest | undefined {
  return knowledge?.carriers.get(record.label);
}
