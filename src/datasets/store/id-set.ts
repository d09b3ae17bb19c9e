// Remembers which ids were seen, in 10 to 20 bytes an id whatever its length: open addressing over 53-bit hashes.
// Among a million ids two different ones share a hash with a chance of 1 in 20,000.

import { randomKey } from '../../math/random.ts';

const FIRST_SLOTS = 1 << 10;
/** Share of the slots in use from which on there are twice as many. */
const MOST_USED = 0.8;

export class IdSet {
  #slots = new Float64Array(FIRST_SLOTS);
  #used = 0;

  has(id: string): boolean {
    const hash = hashOf(id);
    return this.#slots[slotOf(this.#slots, hash)] === hash;
  }

  /** @returns whether the id is new */
  add(id: string): boolean {
    if (!insert(this.#slots, hashOf(id))) return false;
    if (++this.#used > MOST_USED * this.#slots.length) this.#grow();
    return true;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#slots.length);
    for (const hash of this.#slots) if (hash !== 0) insert(larger, hash);
    this.#slots = larger;
  }
}

/** Tells of ids whether they are among some, which are read when the first is asked for. */
export function idsAmong(ids: () => Iterable<string>): (id: string) => boolean {
  let known: IdSet | undefined;
  return (id) => {
    if (!known) {
      known = new IdSet();
      for (const one of ids()) known.add(one);
    }
    return known.has(id);
  };
}

function hashOf(id: string): number {
  const { high, low } = randomKey(0, id);
  return high * 2 ** 21 + (low >>> 11) || 1; // 0 marks a free slot
}

/** Where a hash stands, or would. */
function slotOf(slots: Float64Array, hash: number): number {
  let at = hash % slots.length;
  while (slots[at] !== 0 && slots[at] !== hash) at = (at + 1) % slots.length;
  return at;
}

/** @returns whether it is new */
function insert(slots: Float64Array, hash: number): boolean {
  const at = slotOf(slots, hash);
  if (slots[at] === hash) return false;
  slots[at] = hash;
  return true;
}
