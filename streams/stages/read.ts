// Step 0: samples enter, one for each credit, and their raw images are put where the second pass finds them.
// What the reader could not use is refused here, with its file, offset and reason.

import { map, type Observable, type OperatorFunction } from 'rxjs';
import type { ReadResult } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import type { PlacedSample, Refuse } from '../../src/ports/records.ts';
import { type Credit, credited } from '../operators/credited.ts';
import { quarantine } from '../operators/quarantine.ts';

/** A sample as it was read. */
export type Read = Omit<Extract<ReadResult, { ok: true }>, 'ok'>;

/** Reads a source. */
export function read({
  source,
  credit,
  refuse,
}: {
  readonly source: AsyncIterable<ReadResult>;
  readonly credit: Credit;
  readonly refuse: Refuse;
}): Observable<Read> {
  return credited(source, credit).pipe(
    map((result) =>
      result.ok ? { ok: true as const, value: result } : { ok: false as const, bad: result.quarantined },
    ),
    quarantine(refuse),
  );
}

/** Puts every sample into `store`, with what a writer needs to give it back. */
export function stored({ store }: { readonly store: SampleStore }): OperatorFunction<Read, PlacedSample> {
  return map(({ sample, origin }) => ({ index: store.append(sample, origin), sample }));
}

/** Reads a store that is full already. */
export function reread({
  store,
  credit,
}: {
  readonly store: SampleStore;
  readonly credit: Credit;
}): Observable<PlacedSample> {
  return credited(store.stream(), credit).pipe(map((sample, index) => ({ index, sample })));
}
