// Which label a class folder stands for. Numbers are labels, as in GTSRB's 00000 to 00042, so that a part of a
// dataset without some of the classes keeps the labels of the others; other names are counted in their sorted
// order. Where the names are known from the training set, a test set gets the labels that they have there.

import { DatasetError } from '../errors.ts';
import type { Recognised } from './recognise.ts';

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
 * @param known class names by label of the dataset that this one belongs to; names of other kinds are passed over
 * @throws {DatasetError} when some folders are known and others are not
 */
export function nameClasses(parts: readonly Recognised[], known: readonly string[] = []): Recognised[] {
  const folders = parts.flatMap((part) => (part.description ? [] : (part.folders ?? [])));
  const strange = folders.filter((folder) => !known.includes(folder));
  if (strange.length > 0 && strange.length < folders.length) {
    throw new DatasetError(
      `expected class folders of the training set, found ${strange[0]} as well; rename or remove it`,
    );
  }
  const classNames = folders.length > 0 && strange.length === 0 ? known : classNamesOf(folders);
  return parts.map((part) => (part.folders && !part.description ? { ...part, classNames } : part));
}

/** The label of each class folder of a part that `nameClasses` has been through. */
export function folderLabels({
  description,
  folders = [],
  classNames = [],
}: Recognised): Map<string, number> {
  return new Map(folders.map((folder, i) => [folder, description ? i : classNames.indexOf(folder)]));
}
