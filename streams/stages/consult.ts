// Step 7, the question: the benign model labels the raw images of records that wait.

import { bufferCount, concatMap, mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import type { Prediction } from '../../src/defense/repair/repair.ts';
import type { PlacedRecord, Refuse } from '../../src/ports/records.ts';
import type { BenignTrainer } from '../../src/ports/runner.ts';
import { quarantine } from '../operators/quarantine.ts';
import { attempted } from './attempts.ts';
import { rawSamples } from './raw-samples.ts';

/** A record that waits and what the benign model says of its raw image. */
export interface Consulted {
  readonly record: PlacedRecord;
  readonly prediction: Prediction;
}

/** Asks for `batch` samples at a time, in their order. */
export function consult({
  trainer,
  store,
  batch,
  refuse,
}: {
  readonly trainer: BenignTrainer;
  readonly store: SampleStore;
  readonly batch: number;
  readonly refuse: Refuse;
}): OperatorFunction<PlacedRecord, Consulted> {
  const classify = (records: readonly PlacedRecord[]) => trainer.classify(rawSamples(store, records));
  return pipe(
    bufferCount(batch),
    concatMap((records) => attempted('relabel', records, ({ id }) => id, classify)),
    mergeMap((attempts) => attempts),
    quarantine(refuse),
    mergeMap(({ items, value }) => items.map((record, i) => ({ record, prediction: value[i]! }))),
  );
}
