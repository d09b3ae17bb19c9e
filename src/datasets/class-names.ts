// Which label a class folder stands for. Numbers are labels, as in GTSRB's 00000 to 00042, so that a part of a
// dataset without some of the classes keeps the labels of the others; other names are counted in their sorted
// order. Where the names are known from the training set or a model, a dataset gets the labels that they have there, and
// one whose labels mean something else is refused.

import { DatasetError } from '../errors.ts';
import type { Recognised } from './recognised.ts';

// larger numbers are years or keys of another database
const MAX_NUMBERED = 1000;

/**
 * Whether the folder of a class that nobody named is made when its first sample comes: of so many classes most may be
 * empty, and their numbers are no longer read as labels without a description anyway.
 */
export function madeWhenNeeded(classes: number, classNames: readonly string[] | undefined): boolean {
  return classNames === undefined && classes > MAX_NUMBERED;
}

/** Class names by label, of the class folders that were found anywhere in a dataset. */
export function classNamesOf(folders: Iterable<string>): string[] {
  const sorted = [...new Set(folders)].sort();
  const byNumber = new Map(sorted.map((name) => [Number(name), name]));
  const numbered = sorted.every((name) => /^\d+$/.test(name) && Number(name) < MAX_NUMBERED);
  if (!numbered || byNumber.size < sorted.length) return sorted;
  const digits = Math.min(...sorted.map((name) => name.length));
  return Array.from(
    { length: Math.max(...byNumber.keys()) + 1 },
    (_, label) => byNumber.get(label) ?? String(label).padStart(digits, '0'),
  );
}

/**
 * Gives all parts of a dataset the same class names; parts that came with a description keep theirs.
 *
 * @param known class names by label of the dataset or model that this one belongs to; numbers are labels whatever these are
 * @throws {DatasetError} when folders have other names than these
 */
export function nameClasses(parts: readonly Recognised[], known: readonly string[] = []): Recognised[] {
  const folders = parts.flatMap((part) => (part.description ? [] : (part.folders ?? [])));
  const names = new Set(known);
  const strange = folders.filter((folder) => !names.has(folder));
  if (known.length > 0 && strange.length > 0 && (strange.length < folders.length || !isNumbered(folders))) {
    throw unknownClass(`class folders`, strange[0]!, known);
  }
  const classNames = folders.length > 0 && strange.length === 0 ? known : classNamesOf(folders);
  return parts.map((part) => (part.folders && !part.description ? { ...part, classNames } : part));
}

/** Whether names say no more than labels. */
function isNumbered(names: readonly string[]): boolean {
  return names.every((name) => /^\d+$/.test(name));
}

/** @param what that is named by classes */
export function unknownClass(what: string, found: string, known: readonly string[]): DatasetError {
  return new DatasetError(
    `expected ${what} named as the classes of the training set or model (${shown(known)}), found ${found}; ` +
      'rename or remove it, or bring a model of these classes',
  );
}

/**
 * Checks that labels mean the same.
 *
 * @param found class names by label of the source; those that are only numbers mean nothing
 * @param known of the dataset or model that it belongs to
 * @throws {DatasetError} when a label has two names
 */
export function checkSameNames(
  found: readonly string[] | undefined,
  known: readonly string[] | undefined,
  source: string,
): void {
  if (!found || !known || isNumbered(found) || isNumbered(known)) return;
  const label = found.findIndex((name, i) => name !== known[i]);
  if (label < 0) return;
  throw new DatasetError(
    `expected class ${label} to be ${known[label] ?? 'none'} as in the training set or model, found ${found[label]} in ` +
      `${source}; write class folders, which are matched by name, or bring a model of these classes`,
  );
}

function shown(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}

/** The label of each class folder of a part that `nameClasses` has been through. */
export function folderLabels({
  description,
  folders = [],
  classNames = [],
}: Recognised): Map<string, number> {
  return new Map(folders.map((folder, i) => [folder, description ? i : classNames.indexOf(folder)]));
}
