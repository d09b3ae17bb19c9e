// The archives of numpy.savez with `images`, uint8 of [N, H, W], [N, H, W, C] or [N, C, H, W], and `labels`, whole
// numbers of any width. `ids`, if there are any, name the samples; this project's writer adds them. Others name their
// arrays otherwise, and put several parts of a dataset into one archive: of these the training set is read.

import { DatasetError } from '../../../errors.ts';
import type { Entry } from '../../entry.ts';
import type { LabelCensus } from '../../label-census.ts';
import { layoutOf, readPairs } from '../idx/idx-reader.ts';
import { type NpyArray, type NpzArchive, openNpz } from './npz-archive.ts';

const LABEL_TYPE = /^([<>|])([iu])([1248])$/;
const ID_TYPE = /^[<|]([SU])(\d{1,4})$/;
const BYTES_OF_CHARACTER = { S: 1, U: 4 } as const;

/** Names of images and labels, the first that are there: this project's, MedMNIST's, Keras' and what people write. */
const PAIRS = [
  ['images', 'labels'],
  ['train_images', 'train_labels'],
  ['x_train', 'y_train'],
  ['image', 'label'],
  ['data', 'labels'],
  ['x', 'y'],
  ['test_images', 'test_labels'],
  ['x_test', 'y_test'],
  ['val_images', 'val_labels'],
  ['x_val', 'y_val'],
] as const;
/** That numpy.savez gives to arrays without any, in the order that they came in. */
const NAMELESS = ['arr_0', 'arr_1'] as const;

/** What to tell of an archive that holds more than the arrays that are read; undefined where there is nothing. */
export async function npzWarning(path: string): Promise<string | undefined> {
  const archive = await openNpz(path);
  await archive.close();
  const pair = pairIn(archive.names);
  const isRead = (name: string) => pair?.includes(name) || name === 'ids';
  const images = [...archive.names].filter((name) => !isRead(name) && pairIn(new Set(archive.names), name));
  if (!pair || images.length === 0) return undefined;
  return `${path} holds ${images.join(', ')} beside ${pair[0]}: only ${pair.join(' and ')} are read`;
}

/** The names under which images and labels stand, whatever their case. @param images of these alone */
function pairIn(names: ReadonlySet<string>, images?: string): readonly [string, string] | undefined {
  const found = (wanted: string) => [...names].find((name) => name.toLowerCase() === wanted);
  for (const [first, second] of PAIRS) {
    const pair = [found(first), found(second)] as const;
    if (pair[0] !== undefined && pair[1] !== undefined && (images ?? pair[0]) === pair[0])
      return [pair[0], pair[1]];
  }
  return undefined;
}

/** @throws {DatasetError} when there are none, or they cannot be read */
async function pairOf(archive: NpzArchive, path: string): Promise<{ images: NpyArray; labels: NpyArray }> {
  const pair = pairIn(archive.names);
  if (pair) return { images: await archive.array(pair[0]), labels: await archive.array(pair[1]) };
  if (NAMELESS.every((name) => archive.names.has(name))) {
    const [first, second] = [await archive.array(NAMELESS[0]), await archive.array(NAMELESS[1])];
    return first.shape.length > second.shape.length || second.shape.length < 3
      ? { images: first, labels: second }
      : { images: second, labels: first };
  }
  const lacking = archive.names.has('images') ? 'labels' : 'images';
  throw new DatasetError(
    `expected an array "${lacking}" in ${path}, found: ${[...archive.names].join(', ') || 'none'}; ` +
      'save the arrays as images and labels with numpy.savez again',
  );
}

/** Counts the labels of an archive. */
export async function countNpzLabels(path: string, census: LabelCensus): Promise<void> {
  const archive = await openNpz(path);
  try {
    const next = labelsOf((await pairOf(archive, path)).labels, path);
    for (let label = await next(); label !== undefined; label = await next()) {
      if (label >= 0) census.add(label);
    }
  } finally {
    await archive.close();
  }
}

/**
 * Reads an archive, compressed or not. Where an array ends too early, one damaged entry stands for the rest.
 *
 * @throws {DatasetError} when an array is missing or of another type, the counts differ, or images have more than
 *                        `maxPixels` pixels
 */
export async function* readNpz(path: string, maxPixels: number): AsyncGenerator<Entry> {
  const archive = await openNpz(path);
  try {
    const { images, labels } = await pairOf(archive, path);
    const ids = archive.names.has('ids') ? await archive.array('ids') : undefined;
    checkShapes(images, labels, ids, path);
    const nextId = ids && idsOf(ids, path);
    yield* readPairs({
      images: images.bytes,
      labels: { next: labelsOf(labels, path), damage: () => labels.bytes.damage },
      ...(nextId && { nextId }),
      count: images.shape[0]!,
      layout: layoutOf(images.shape, path, maxPixels),
      source: `${path}!images.npy`,
    });
  } finally {
    await archive.close();
  }
}

function checkShapes(images: NpyArray, labels: NpyArray, ids: NpyArray | undefined, path: string): void {
  if (!/^.u1$/.test(images.type) || (images.shape.length !== 3 && images.shape.length !== 4)) {
    throw new DatasetError(
      `expected images of uint8 with 3 or 4 dimensions, found ${images.type} of [${images.shape}] in ${path}; ` +
        'convert them to 0…255 with numpy.uint8',
    );
  }
  const [count] = images.shape;
  for (const [name, { shape }] of Object.entries({ labels, ...(ids && { ids }) })) {
    if (shape[0] === count && shape.slice(1).every((extent) => extent === 1)) continue;
    throw new DatasetError(
      `expected as many ${name} as images, found ${count} images and ${name} of [${shape}] in ${path}; pair the right arrays`,
    );
  }
}

/** Takes labels one by one; undefined at their end. */
function labelsOf({ type, bytes }: NpyArray, path: string): () => Promise<number | undefined> {
  const match = LABEL_TYPE.exec(type);
  if (!match) {
    throw new DatasetError(
      `expected labels of whole numbers, found ${type} in ${path}; convert them with numpy.int64`,
    );
  }
  const size = Number(match[3]);
  const little = match[1] !== '>';
  const signed = match[2] === 'i';
  return async () => {
    const label = await bytes.take(size);
    return label.length < size ? undefined : numberOf(label, signed, little);
  };
}

function numberOf(bytes: Buffer, signed: boolean, little: boolean): number {
  const ordered = little ? Buffer.from(bytes).reverse() : bytes;
  if (bytes.length === 8) return Number(signed ? ordered.readBigInt64BE() : ordered.readBigUInt64BE());
  return signed ? ordered.readIntBE(0, bytes.length) : ordered.readUIntBE(0, bytes.length);
}

/** Takes ids one by one: UTF-8 bytes (S) or 4-byte characters (U), filled up with zeros. */
function idsOf({ type, bytes }: NpyArray, path: string): () => Promise<string | undefined> {
  const match = ID_TYPE.exec(type);
  if (!match) {
    throw new DatasetError(
      `expected ids of text with at most 9999 characters, found ${type} in ${path}; leave them out`,
    );
  }
  const kind = match[1] === 'S' ? 'S' : 'U';
  const size = Number(match[2]) * BYTES_OF_CHARACTER[kind];
  return async () => {
    const id = await bytes.take(size);
    if (id.length < size) return undefined;
    const text = kind === 'S' ? id.toString('utf8') : characters(id);
    return text.replace(/\0+$/, '') || undefined;
  };
}

function characters(utf32: Buffer): string {
  const codes = Array.from({ length: utf32.length / 4 }, (_, i) => utf32.readUInt32LE(4 * i));
  return codes.map((code) => String.fromCodePoint(code > 0x10ffff ? 0xfffd : code)).join('');
}
