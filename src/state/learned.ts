// What a benign model has learned in earlier runs and would not learn now: samples that were released and are gone,
// left out, or have another image or label. A model that has seen them must not be trained further as if it had not.

import type { Sample } from '../datasets/sample.ts';
import { IdSet } from '../datasets/store/id-set.ts';
import { digestOf } from './candidates.ts';
import { JSON_VALUE, rangeOf } from './database.ts';
import type { Released } from './ledger.ts';
import type { State } from './state.ts';

/** Labels that the benign model itself gave: such samples are settled after it has learned the others. */
const OWN_RULES: readonly string[] = ['agreed', 'consensus'];

export class Learned {
  readonly #state: State;
  /** Samples that are learned now as they were before. */
  readonly #same = new IdSet();

  constructor(state: State) {
    this.#state = state;
  }

  /** Takes in a sample that is learned now. */
  async add({ id, label, pixels }: Sample): Promise<void> {
    const { database, current } = this.#state;
    const before = await database.get<string, Released>(`${current}sample/${id}`, JSON_VALUE);
    if (before?.label === label && before.digest === digestOf(pixels)) this.#same.add(id);
  }

  /**
   * The first run that released a sample as it is not learned now; undefined where there is none. Samples that wait for
   * the model are none of these. To be asked once, when all samples are in.
   */
  async outdated(): Promise<number | undefined> {
    const { database, current } = this.#state;
    const prefix = `${current}sample/`;
    let first: number | undefined;
    const released = database.iterator<string, Released>({ ...rangeOf(prefix), ...JSON_VALUE });
    for await (const [key, { image, rule, since }] of released) {
      if (image === 'none' || OWN_RULES.includes(rule)) continue;
      if (first !== undefined && since >= first) continue;
      if (this.#same.add(key.slice(prefix.length))) first = since;
    }
    return first;
  }
}
