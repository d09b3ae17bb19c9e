// Batches for speed, blame for one: when work on a batch fails because of its data, or because workers die of it, every
// item is tried alone, so that a bad item takes down only itself and which items fail does not depend on how they were
// batched.

import type { Outcome } from '../../src/errors.ts';

/** What came of the items of one batch, or of one item tried alone. */
export interface Attempt<T, R> {
  readonly items: readonly T[];
  readonly outcome: Outcome<R>;
}

/** Works on all items at once; if that fails, on each alone. A rejection of `work` is passed on. */
export async function isolated<T, R>(
  items: readonly T[],
  work: (items: readonly T[]) => Promise<Outcome<R>>,
): Promise<readonly Attempt<T, R>[]> {
  const outcome = await work(items);
  if (outcome.ok || items.length === 1) return [{ items, outcome }];
  return Promise.all(items.map(async (item) => ({ items: [item], outcome: await work([item]) })));
}
