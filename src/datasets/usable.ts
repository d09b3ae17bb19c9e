// Whether enough of a dataset can be used. A few bad samples are set aside and a run goes on; where every tenth is bad,
// something is wrong with the dataset or with how it is read, and what would come of the others is not what was asked for.

import { DatasetError } from '../errors.ts';
import type { Quarantined, ReadResult } from './sample.ts';

/** Fewer bad samples than these say nothing of a dataset. */
const FEW_BAD = 10;
/** Reasons that are told apart; what a hostile file can say is endless. */
const MOST_REASONS = 100;
/** Of these, in a message. */
const TOLD = 3;

/** What messages on different samples have in common: what was expected. */
function reasonOf({ message, id }: { readonly message: string; readonly id?: string }): string {
  const [expected = ''] = message.split(', found');
  return id ? expected.replaceAll(id, '…') : expected;
}

/** Counts by reason, with the first message of each. */
export class Reasons {
  readonly #found = new Map<string, { count: number; readonly first: string }>();

  /** @returns whether it is the first of its reason */
  add(bad: Pick<Quarantined, 'message'> & { readonly id?: string }): boolean {
    const key = reasonOf(bad);
    const known = this.#found.size < MOST_REASONS || this.#found.has(key) ? key : '';
    const found = this.#found.get(known);
    if (found) found.count++;
    else this.#found.set(known, { count: 1, first: bad.message });
    return found === undefined;
  }

  /** Most frequent first. */
  *[Symbol.iterator](): Generator<{ readonly count: number; readonly first: string }> {
    yield* [...this.#found.values()].sort((a, b) => b.count - a.count);
  }
}

export interface UsableOptions {
  /** Of the dataset, for messages. */
  readonly name: string;
  /** Share of the samples that has to be good, in [0, 1]. */
  readonly least: number;
  /** Told where there are fewer, in the place of an error. */
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * The same results.
 *
 * @throws {DatasetError} at their end, where too few of them are good
 */
export async function* usable(
  results: AsyncIterable<ReadResult>,
  { name, least, warn }: UsableOptions,
): AsyncGenerator<ReadResult> {
  const reasons = new Reasons();
  let [good, bad] = [0, 0];
  for await (const result of results) {
    if (result.ok) good++;
    else {
      bad++;
      reasons.add(result.quarantined);
    }
    yield result;
  }
  const all = good + bad;
  if (bad < FEW_BAD || good >= least * all) return;
  const told = [...reasons].slice(0, TOLD).map(({ count, first }) => `${count} like: ${first}`);
  const message =
    `expected ${Math.round(100 * least)} % of the samples of ${name} to be usable, found ${good} of ${all} ` +
    `(${told.join(' | ')}); do what is said there, or lower dataset.usable`;
  if (!warn) throw new DatasetError(message);
  warn(message);
}
