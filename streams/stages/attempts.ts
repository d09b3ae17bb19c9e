// From outcomes of batches to single samples that go on or are refused: what the stages that call the networks
// have in common.

import type { Outcome } from '../../src/errors.ts';
import type { Refused } from '../../src/ports/records.ts';
import { isolated } from '../operators/isolated.ts';
import type { Either } from '../operators/quarantine.ts';

/** Works on a batch as `isolated` does and says of each attempt what goes on, or which sample is refused. */
export async function attempted<T, R>(
  stage: string,
  items: readonly T[],
  idOf: (item: T) => string,
  work: (items: readonly T[]) => Promise<Outcome<R>>,
): Promise<readonly Either<{ readonly items: readonly T[]; readonly value: R }, Refused>[]> {
  const attempts = await isolated(items, work);
  return attempts.map(({ items, outcome }) =>
    outcome.ok
      ? { ok: true, value: { items, value: outcome.value } }
      : { ok: false, bad: { stage, id: idOf(items[0]!), ...outcome.failure } },
  );
}

/** Works in full batches, all of them handed over at once; the runner queues what must wait. One result an item. */
export async function attemptedInBatches<T, R>(
  stage: string,
  items: readonly T[],
  batch: number,
  idOf: (item: T) => string,
  work: (items: readonly T[]) => Promise<Outcome<readonly R[]>>,
): Promise<readonly Either<R, Refused>[]> {
  const starts = Array.from({ length: Math.ceil(items.length / batch) }, (_, i) => i * batch);
  const attempts = await Promise.all(
    starts.map((from) => attempted(stage, items.slice(from, from + batch), idOf, work)),
  );
  return attempts.flat().flatMap((attempt): readonly Either<R, Refused>[] => {
    if (!attempt.ok) return [attempt];
    return attempt.value.value.map((value) => ({ ok: true, value }));
  });
}
