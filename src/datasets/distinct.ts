// Which ids samples may have: each its own, and one that everything after the reader can hold. That is told here,
// when a sample is read, and not by a writer after all the work is done.

import { damagedEntry, type Entry } from './entry.ts';
import type { IdSet } from './store/id-set.ts';

/** Longer ones than paths may be are no names. */
export const MAX_ID_CHARACTERS = 4096;
const HALF_PAIR = /\p{Surrogate}/u;

/**
 * The entry, under its other name where its id was seen before; where it has none, or its id is none, one that says so in
 * its place.
 *
 * @param seen ids of the entries before it; absent where ids are numbers that are given here
 */
export function distinctEntry(entry: Entry, seen: IdSet | undefined): Entry {
  const { id, otherwise } = entry;
  if (id === undefined) return entry;
  const fault = idFault(id);
  if (fault !== undefined) return nameless(entry, fault);
  if (seen?.add(id) !== false) return entry;
  if (otherwise !== undefined && idFault(otherwise) === undefined && seen.add(otherwise)) {
    return { ...entry, id: otherwise };
  }
  return damagedEntry(entry, `expected every sample to have its own name, found ${id} again; rename it`);
}

/** Nothing that is kept of a sample may hold an id that cannot be one. */
function nameless({ id: _, otherwise: __, ...place }: Entry, fault: string): Entry {
  return damagedEntry(place, fault);
}

/** Why an id cannot be one; undefined where it can. */
export function idFault(id: string): string | undefined {
  if (id === '') return 'expected an id, found an empty one; name the sample, or leave the id out';
  if (id.length > MAX_ID_CHARACTERS)
    return `expected an id of at most ${MAX_ID_CHARACTERS} characters, found ${id.length}; shorten it`;
  if (!HALF_PAIR.test(id)) return undefined;
  return `expected an id that UTF-8 can hold, found half of a surrogate pair in ${JSON.stringify(id)}; write it again`;
}
