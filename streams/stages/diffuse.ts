// Step 2: batches of samples become batches of candidate images, as many at a time as the runner can work on.

import { bufferCount, mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { PlacedSample, Refuse } from '../../src/ports/records.ts';
import type { Candidates, Runner } from '../../src/ports/runner.ts';
import { inOrder } from '../operators/in-order.ts';
import { quarantine } from '../operators/quarantine.ts';
import { attempted } from './attempts.ts';

/** Samples and their candidates on the way to the observer. */
export interface DiffusedBatch {
  readonly items: readonly PlacedSample[];
  readonly value: Candidates;
}

/** Diffuses `batch` samples a call; the last batch may be smaller. */
export function diffuse({
  runner,
  batch,
  refuse,
}: {
  readonly runner: Runner;
  readonly batch: number;
  readonly refuse: Refuse;
}): OperatorFunction<PlacedSample, DiffusedBatch> {
  const work = (items: readonly PlacedSample[]) => runner.diffuse(items.map(({ sample }) => sample));
  return pipe(
    bufferCount(batch),
    inOrder(runner.concurrency, (items) => attempted('diffuse', items, ({ sample }) => sample.id, work)),
    mergeMap((attempts) => attempts),
    quarantine(refuse),
  );
}
