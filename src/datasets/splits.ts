// The splits of a dataset, as the Hugging Face hub and most archives name them: files such as `train-00000-of-00002.parquet`
// beside `test-…`, or the folders `train` and `test` with the classes below. Read together, what a model is tested on
// would be trained on.

import { basename } from 'node:path';
import { DatasetError } from '../errors.ts';
import type { SPLITS } from './formats.ts';

export type Split = (typeof SPLITS)[number];

const NAMES: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['validation', 'validation'],
  ['valid', 'validation'],
  ['val', 'validation'],
  ['dev', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
  ['eval', 'test'],
]);

/** What a source says of its splits, and which is read. */
export interface Chosen {
  /** What is read. */
  readonly names: readonly string[];
  readonly warnings: readonly string[];
}

/** The split that a file or folder is named after. */
export function splitOf(path: string): Split | undefined {
  const [word] = /^[a-z]+(?=$|[-_.\d])/i.exec(basename(path)) ?? [];
  return word === undefined ? undefined : NAMES.get(word.toLowerCase());
}

/** Whether names are those of splits, of two at least: a lone `train` may be a train. */
export function areSplits(names: readonly string[]): boolean {
  const splits = new Set(names.map(splitOf));
  return splits.size > 1 && !splits.has(undefined);
}

/**
 * Of the files or folders of a source those of one split; all of them where they name none.
 *
 * @param wanted in the order in which they are preferred
 * @throws {DatasetError} when none of them is there, or other files stand beside splits
 */
export function chooseSplit(
  source: string,
  names: readonly string[],
  wanted: readonly Split[] = ['train'],
): Chosen {
  const found = [...new Set(names.map(splitOf))];
  const splits = found.filter((split) => split !== undefined);
  if (splits.length < 2) return { names, warnings: [] };
  const split = wanted.find((name) => splits.includes(name));
  const strange = names.find((name) => splitOf(name) === undefined);
  if (split === undefined || strange !== undefined) {
    throw new DatasetError(
      `expected files of the split ${wanted.join(' or ')} in ${source}, found ` +
        `${strange === undefined ? '' : `${basename(strange)} beside `}${splits.join(', ')}; ` +
        'name the files that are meant, or set dataset.split',
    );
  }
  const others = splits.filter((name) => name !== split);
  return {
    names: names.filter((name) => splitOf(name) === split),
    warnings: [
      `${source} has the splits ${splits.join(', ')}: reading ${split}, not ${others.join(' and ')}`,
    ],
  };
}
