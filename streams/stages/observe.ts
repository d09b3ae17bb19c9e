// Step 3: the observer's labels of raw images and candidates become one record a sample. From here on no
// candidate is held any more.

import { mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { Residuals } from '../../src/defense/evidence/residuals.ts';
import { majorityOf } from '../../src/defense/evidence/transitions.ts';
import type { PlacedRecord, PlacedSample, Refuse } from '../../src/ports/records.ts';
import type { Observation, Runner } from '../../src/ports/runner.ts';
import { inOrder } from '../operators/in-order.ts';
import { quarantine } from '../operators/quarantine.ts';
import { counted, type Report } from '../progress.ts';
import { attempted } from './attempts.ts';
import type { DiffusedBatch } from './diffuse.ts';

/** Labels each batch as it comes. A batch that fails is diffused again, sample by sample, to find the bad one. */
export function observe({
  runner,
  residuals,
  refuse,
  report,
  expected,
}: {
  readonly runner: Runner;
  /** Gathers what purification removed, where somebody wants to know. */
  readonly residuals?: Residuals;
  readonly refuse: Refuse;
  readonly report: Report;
  /** Samples that will come, where that is known. */
  readonly expected: number | undefined;
}): OperatorFunction<DiffusedBatch, PlacedRecord> {
  const again = async (items: readonly PlacedSample[]) => {
    const candidates = await runner.diffuse(items.map(({ sample }) => sample));
    return candidates.ok ? runner.observe(candidates.value) : candidates;
  };
  return pipe(
    inOrder(runner.concurrency, (diffused) =>
      attempted(
        'observe',
        diffused.items,
        ({ sample }) => sample.id,
        (items) => (items === diffused.items ? runner.observe(diffused.value) : again(items)),
      ),
    ),
    mergeMap((attempts) => attempts),
    quarantine(refuse),
    mergeMap(({ items, value }) =>
      items.map((item, i) => {
        const record = recordOf(item, value[i]!);
        residuals?.add(record.label, hasMoved(record), item.sample.pixels, value[i]!.purified);
        return record;
      }),
    ),
    counted('observe', report, () => expected),
  );
}

/** Whether most candidates have another label than the sample. */
function hasMoved({ label, labels }: PlacedRecord): boolean {
  return majorityOf(labels) !== label;
}

function recordOf({ index, sample }: PlacedSample, { raw, labels, scores }: Observation): PlacedRecord {
  return { id: sample.id, label: sample.label, raw, labels, scores, index };
}
