// From outcomes of batches to single samples that go on or are refused: what the stages that call the networks
// have in common.

import type { Outcome } from '../../src/errors.ts';
import { isolated } from '../operators/isolated.ts';
import type { Either } from '../operators/quarantine.ts';
import type { Refused } from '../records.ts';

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
