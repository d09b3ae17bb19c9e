// A folder of BackdoorBench's attack results: `bd_train_dataset/<true label>/<index>.png`, which holds the poisoned images
// alone, and `attack_result.pt`, which tells the labels that they were given. The folders' numbers are the labels before
// the attack, so that the images cannot be read without that file. It is a pickle and is read without executing
// anything. Images and labels of the other samples are those of the clean dataset, which the folder only names and which
// can be laid beneath it.
// https://github.com/SCLBD/BackdoorBench (utils/bd_dataset_v2.py, utils/save_load_attack.py)

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatasetError, WeightsError } from '../../../errors.ts';
import { withFile } from '../../../weights/byte-source.ts';
import { NumpyArray, withNumpy } from '../../../weights/numpy-objects.ts';
import type { PickleValue } from '../../../weights/pickle.ts';
import { openTorchZip } from '../../../weights/torch-containers.ts';
import { torchRules } from '../../../weights/torch-objects.ts';
import { type Entry, indexId } from '../../entry.ts';
import { readImageFile } from '../../images/image.ts';

export const IMAGES = 'bd_train_dataset';
export const RESULT = 'attack_result.pt';

/** One image of the training set that the attack made. */
export interface AttackImage {
  /** In the clean training set. */
  readonly index: number;
  /** From the folder of the results. */
  readonly path: string;
  /** That training sees. */
  readonly label: number;
}

export interface AttackResult {
  readonly classes: number;
  /** By index, ascending. */
  readonly images: readonly AttackImage[];
}

/** The folder of the results where a source is one, or the folder of images in one; undefined where it is neither. */
export function attackFolder(source: string): string | undefined {
  const folder = basename(source) === IMAGES ? dirname(source) : source;
  if (!existsSync(join(folder, IMAGES))) return undefined;
  if (existsSync(join(folder, RESULT))) return folder;
  throw new DatasetError(
    `expected ${RESULT} beside ${join(folder, IMAGES)}, which says the labels after the attack, found none; ` +
      'fetch it, or set dataset.format to class-folders and name that folder to read the labels before it',
  );
}

/** @throws {DatasetError} when the file is damaged, unsafe, or says something else */
export async function readAttackResult(folder: string): Promise<AttackResult> {
  const path = join(folder, RESULT);
  const value = await withFile(path, async (source) => {
    const rules = withNumpy(torchRules(source.name, () => undefined));
    return (await openTorchZip(source, rules)).value;
  }).catch((error: unknown) => {
    throw error instanceof WeightsError ? new DatasetError(error.message) : error;
  });
  const classes = field(value, 'num_classes');
  const train = field(value, 'bd_train');
  const held = field(field(train, 'bd_data_container'), 'data_dict');
  if (!isCount(classes) || !(held instanceof Map)) throw unreadable(path, 'num_classes and bd_train');
  const indicator = field(train, 'poison_indicator');
  const isPoisoned = (index: number) =>
    !(indicator instanceof NumpyArray && indicator.values) || indicator.values[index] === 1;
  const images = [...held].map(([index, item]) => imageOf(index, item, path));
  return {
    classes,
    images: images.filter(({ index }) => isPoisoned(index)).sort((a, b) => a.index - b.index),
  };
}

function imageOf(index: PickleValue, item: PickleValue, source: string): AttackImage {
  const [path, info] = [field(item, 'path'), field(item, 'other_info')];
  const label = Array.isArray(info) ? info[0] : undefined;
  // they were written on another machine: the two last parts lead from the folder of the images to the file
  const parts = typeof path === 'string' ? path.split(/[\\/]/).slice(-2) : [];
  const safe = parts.length === 2 && parts.every((part) => part !== '' && !part.startsWith('.'));
  if (!isCount(index) || !isCount(label) || !safe) {
    throw unreadable(source, 'an index, the path of an image on disk and its label for each poisoned sample');
  }
  return { index, path: join(IMAGES, ...parts), label };
}

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function field(value: PickleValue | undefined, name: string): PickleValue | undefined {
  return value instanceof Map ? value.get(name) : undefined;
}

function unreadable(path: string, expected: string): DatasetError {
  return new DatasetError(
    `expected ${expected} in ${path}, found something else; save the attack with a folder for its images`,
  );
}

/** Reads the images that the attack made, in the order of their indices, which are their ids. */
export async function* readBackdoorBench(folder: string, maxPixels: number): AsyncGenerator<Entry> {
  const { images } = await readAttackResult(folder);
  for (const { index, path, label } of images) {
    const source = join(folder, path);
    yield {
      id: indexId(index),
      source,
      offset: 0,
      decode: async (decodeImage) => {
        const image = await readImageFile(source, maxPixels);
        return { label, ...(await decodeImage(image, maxPixels)), origin: { image } };
      },
    };
  }
}

/**
 * The whole training set: the clean one, with the images that the attack made in their places, under the ids of those.
 *
 * @throws {DatasetError} when the clean one ends before the last of them
 */
export async function* overlaid(
  clean: AsyncIterable<Entry>,
  attacked: AsyncGenerator<Entry>,
): AsyncGenerator<Entry> {
  let next = await attacked.next();
  let index = 0;
  for await (const entry of clean) {
    const replaced = !next.done && next.value.id === indexId(index);
    if (replaced) {
      yield { ...next.value, ...(entry.id !== undefined && { id: entry.id }) };
      next = await attacked.next();
    } else yield entry;
    index++;
  }
  if (next.done) return;
  throw new DatasetError(
    `expected a clean dataset with a sample ${next.value.id}, which ${next.value.source} takes the place of, ` +
      `found ${index} samples; name the training set that was attacked, whole`,
  );
}
