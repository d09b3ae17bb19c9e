// IDX, the format of MNIST: one file of images and one of labels, each with a big-endian header of counts. Images
// have three dimensions [N, H, W] or four, [N, H, W, C] or [N, C, H, W]. The header's promises are checked before
// anything is allocated. http://yann.lecun.com/exdb/mnist/

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatasetError } from '../../../errors.ts';
import { ByteReader } from '../../bytes/byte-reader.ts';
import { damagedEntry, type Entry, indexId } from '../../entry.ts';
import type { LabelCensus } from '../../label-census.ts';
import { type ImageShape, planar } from '../../sample.ts';

/**
 * The labels that belong to a file of images, by the usual naming: `train-images-idx3-ubyte.gz` and
 * `train-labels-idx1-ubyte.gz`; one may be compressed and the other not.
 *
 * @throws {DatasetError} when there is no such file
 */
export function labelsBeside(images: string): string {
  const name = basename(images)
    .replace(/images/i, 'labels')
    .replace(/idx\d/i, 'idx1');
  const plain = join(dirname(images), name.replace(/\.(gz|zst)$/, ''));
  const named = /images/i.test(basename(images));
  const found = named && [plain, `${plain}.gz`, `${plain}.zst`].find((path) => existsSync(path));
  if (found) return found;
  throw new DatasetError(
    `expected labels for ${images} at ${plain}[.gz|.zst], found none; put their file there, under that name`,
  );
}

/** Counts the labels of an IDX file of labels; it holds a byte a sample, so this costs little. */
export async function countIdxLabels(labels: string, census: LabelCensus): Promise<void> {
  const bytes = new ByteReader(labels);
  try {
    await readHeader(bytes, labels, [1]);
    for (let block = await bytes.take(1 << 15); block.length > 0; block = await bytes.take(1 << 15)) {
      for (const label of block) census.add(label);
    }
  } finally {
    await bytes.close();
  }
}

/**
 * Reads a pair of files, gzipped or not. Where one of them ends too early, one damaged entry stands for the rest.
 *
 * @throws {DatasetError} when a header is damaged, the counts differ, or images have more than `maxPixels` pixels
 */
export async function* readIdx(images: string, labels: string, maxPixels: number): AsyncGenerator<Entry> {
  const imageBytes = new ByteReader(images);
  const labelBytes = new ByteReader(labels);
  try {
    const dimensions = await readHeader(imageBytes, images, [3, 4]);
    const count = dimensions[0]!;
    const [labelCount] = await readHeader(labelBytes, labels, [1]);
    if (count !== labelCount) {
      throw new DatasetError(
        `expected as many labels as images, found ${count} images in ${images} and ${labelCount} labels in ${labels}; pair the right files`,
      );
    }
    const layout = layoutOf(dimensions, images, maxPixels);
    const nextLabel = async () => (await labelBytes.take(1))[0];
    const labelled = { next: nextLabel, damage: () => labelBytes.damage };
    yield* readPairs({ images: imageBytes, labels: labelled, count, layout, source: images });
  } finally {
    await imageBytes.close();
    await labelBytes.close();
  }
}

/** How the images of one array are laid out. */
export interface Layout {
  readonly shape: ImageShape;
  readonly interleaved: boolean;
}

/** Arrays of images and labels side by side. */
export interface Pairs {
  readonly images: ByteReader;
  readonly labels: { next(): Promise<number | undefined>; damage(): string | undefined };
  /** Names of the samples; they are numbered where there are none. */
  readonly nextId?: () => Promise<string | undefined>;
  readonly count: number;
  readonly layout: Layout;
  readonly source: string;
}

/** Takes images and labels in step. Where one of them ends too early, one damaged entry stands for the rest. */
export async function* readPairs(pairs: Pairs): AsyncGenerator<Entry> {
  const { images, labels, nextId, count, layout, source } = pairs;
  const [channels, height, width] = layout.shape;
  const size = channels * height * width;
  for (let index = 0; index < count; index++) {
    const offset = images.position;
    const image = await images.take(size);
    const label = await labels.next();
    const id = (await nextId?.()) ?? indexId(index);
    if (image.length < size || label === undefined) {
      const lacking = label === undefined ? 'labels' : 'images';
      const damage = label === undefined ? labels.damage() : images.damage;
      yield damagedEntry(
        { source, offset },
        `expected ${count} samples, found ${index} before the ${lacking} end${damage ? ` (${damage})` : ''}; ` +
          `samples ${indexId(index)} to ${indexId(count - 1)} are lost, fetch the file again`,
      );
      return;
    }
    yield { id, source, offset, held: size, decode: () => decode(image, label, layout) };
  }
  yield* leftovers(images, count, source);
}

async function* leftovers(images: ByteReader, count: number, source: string): AsyncGenerator<Entry> {
  const offset = images.position;
  const extra = await images.drain();
  if (extra === 0 && images.damage === undefined) return;
  const found = images.damage ?? `${extra} bytes more`;
  yield damagedEntry(
    { source, offset },
    `expected the file to end after ${count} images, found: ${found}; check its header`,
  );
}

function decode(image: Buffer, label: number, { shape, interleaved }: Layout) {
  return { label, pixels: interleaved ? planar(image, shape) : Uint8Array.from(image), shape };
}

async function readHeader(bytes: ByteReader, path: string, ranks: readonly number[]): Promise<number[]> {
  const magic = await bytes.take(4);
  const rank = magic[3] ?? 0;
  const rest = await bytes.take(4 * rank);
  if (magic.length < 4 || magic.readUInt16BE() !== 0 || magic[2] !== 8 || !ranks.includes(rank)) {
    throw new DatasetError(
      `expected IDX bytes 00 00 08 with ${ranks.join(' or ')} dimensions at the start of ${path}, ` +
        `found ${magic.toString('hex') || 'nothing'}${bytes.damage ? ` (${bytes.damage})` : ''}; check the file`,
    );
  }
  if (rest.length < 4 * rank) {
    throw new DatasetError(
      `expected an IDX header of ${4 + 4 * rank} bytes, found ${4 + rest.length} in ${path}; fetch it again`,
    );
  }
  return Array.from({ length: rank }, (_, i) => rest.readUInt32BE(4 * i));
}

/**
 * The layout of an array of images, from its dimensions [N, H, W], [N, H, W, C] or [N, C, H, W].
 *
 * @throws {DatasetError} when they are no images, or larger than `maxPixels`
 */
export function layoutOf(dimensions: readonly number[], path: string, maxPixels: number): Layout {
  const [, a = 0, b = 0, c = 1] = dimensions;
  const interleaved = c === 1 || c === 3;
  const [channels, height, width] = interleaved ? [c, a, b] : [a, b, c];
  if ((channels !== 1 && channels !== 3) || height * width < 1) {
    throw new DatasetError(
      `expected images of 1 or 3 channels and at least one pixel, found [${dimensions}] in ${path}; convert the file`,
    );
  }
  if (height * width > maxPixels) {
    throw new DatasetError(
      `expected images of at most ${maxPixels} pixels, found ${width}×${height} in ${path}; raise dataset.maxPixels`,
    );
  }
  return { shape: [channels, height, width], interleaved };
}
