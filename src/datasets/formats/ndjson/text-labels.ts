// Labels that are text. Digits are numbers, which some programs write in quotes; other text names a class, and classes are
// counted in the order of their names, as those of folders are. Whether labels are names, the first one tells.

import { DatasetError } from '../../../errors.ts';
import { unknownClass } from '../../class-names.ts';
import { MAX_CLASSES } from '../../label-census.ts';

/** So many names need no support, as numbers of classes do not; of more, each needs a few samples. */
const FREE = 1000;
const MEANT = 5;
/** Longer text is a caption. */
const MOST_CHARACTERS = 256;

/** The class index that a label of any type stands for; undefined where there is none. */
export function labelIn(value: unknown, names: readonly string[] | undefined): number | undefined {
  if (typeof value !== 'string') return isIndex(value) ? value : undefined;
  const named = names ? indexOf(names, value) : undefined;
  return named ?? (isDigits(value) && isIndex(Number(value)) ? Number(value) : undefined);
}

/**
 * The names of the classes, where the labels are names.
 *
 * @param labels of whatever types, each time anew from the start
 * @param known  class names of the dataset that this one belongs to
 * @throws {DatasetError} when there are more names than the samples support, or one that is not known
 */
export async function namesIn(
  labels: () => AsyncIterable<unknown>,
  known: readonly string[] | undefined,
  source: string,
): Promise<readonly string[] | undefined> {
  for await (const label of labels()) {
    if (isIndex(label) || (typeof label === 'string' && isDigits(label))) return undefined;
    if (isName(label)) return named(labels(), known, source);
  }
  return undefined;
}

async function named(labels: AsyncIterable<unknown>, known: readonly string[] = [], source: string) {
  const names = new Set<string>();
  let samples = 0;
  for await (const label of labels) {
    if (!isName(label)) continue;
    samples += 1;
    if (names.size < MAX_CLASSES) names.add(label);
  }
  if (names.size > FREE && names.size * MEANT > samples) {
    throw new DatasetError(
      `expected names of classes as labels in ${source}, found ${names.size} different ones in ${samples} samples; ` +
        'write class names or numbers',
    );
  }
  if (known.length === 0) return [...names].sort();
  const all = new Set(known);
  for (const name of names) if (!all.has(name)) throw unknownClass(`labels in ${source}`, name, known);
  return known;
}

const indices = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

/** Without looking through all names for each sample. */
function indexOf(names: readonly string[], name: string): number | undefined {
  let map = indices.get(names);
  if (!map) {
    map = new Map(names.map((one, i) => [one, i]));
    indices.set(names, map);
  }
  return map.get(name);
}

function isName(label: unknown): label is string {
  return typeof label === 'string' && label.length > 0 && label.length <= MOST_CHARACTERS;
}

function isDigits(text: string): boolean {
  return /^\d{1,16}$/.test(text);
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
