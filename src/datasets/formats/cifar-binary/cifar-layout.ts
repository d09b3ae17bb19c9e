// CIFAR's binary files have no header: that a record begins with one label byte (CIFAR-10) or with two (CIFAR-100) is
// told by the size of the file, which whole records must fill, and by the first labels where both fit or neither does, as
// in a file that is cut off. Read in the wrong way, pixels would become labels.

import { DatasetError } from '../../../errors.ts';
import { withRegular } from '../../../files/regular-file.ts';
import { ByteReader } from '../../bytes/byte-reader.ts';
import { hasZstdMagic } from '../../bytes/zstd.ts';
import type { ImageShape } from '../../sample.ts';

/** Label bytes of a record: the class, or the coarse class and the fine one. */
export type LabelBytes = 1 | 2;

/** Records whose labels are looked at. */
const LOOKED_AT = 64;
const CLASSES = { ten: 10, coarse: 20, fine: 100 };

interface Bytes {
  /** Of the whole file; undefined where that cannot be told. */
  readonly size: number | undefined;
  /** The first ones. */
  readonly start: Buffer;
}

/** So many bytes of a stream tell as much as its labels can. */
export function bytesLookedAt(shape: ImageShape): number {
  return LOOKED_AT * (2 + pixelsOf(shape));
}

/** @throws {DatasetError} when neither layout fits the file */
export async function labelBytesOfFile(
  path: string,
  shape: ImageShape,
  classes: number | undefined,
): Promise<LabelBytes> {
  const bytes = new ByteReader(path);
  try {
    const start = await bytes.take(bytesLookedAt(shape));
    const packed = await isPacked(path);
    const size = packed ? start.length + (await bytes.drain()) : await sizeOf(path);
    return labelBytesOf(path, { start, size: bytes.damage === undefined ? size : undefined }, shape, classes);
  } finally {
    await bytes.close();
  }
}

/**
 * Label bytes of a file or stream.
 *
 * @param name    for messages
 * @param classes where they are told
 * @throws {DatasetError} when neither layout fits
 */
export function labelBytesOf(
  name: string,
  { size, start }: Bytes,
  shape: ImageShape,
  classes = CLASSES.ten,
): LabelBytes {
  const pixels = pixelsOf(shape);
  const fills = (labelBytes: LabelBytes) => size !== undefined && size % (labelBytes + pixels) === 0;
  if (fills(1) !== fills(2)) return fills(1) ? 1 : 2;
  // less than a record tells nothing, and is damage of either
  if (start.length <= pixels) return 1;
  if (labelsFit(start, 1, pixels, classes)) return 1;
  if (labelsFit(start, 2, pixels, classes)) return 2;
  if (fills(1)) return 1;
  throw new DatasetError(
    `expected records of ${1 + pixels} bytes as in CIFAR-10, or of ${2 + pixels} as in CIFAR-100, in ${name}, found ` +
      `${size === undefined ? '' : `${size} bytes, which neither divides, and `}first labels that are of neither; ` +
      `fetch the file again, or bring images of ${shape.join('×')}`,
  );
}

function labelsFit(start: Buffer, labelBytes: LabelBytes, pixels: number, classes: number): boolean {
  for (let at = 0; at + labelBytes <= start.length; at += labelBytes + pixels) {
    if (labelBytes === 1 && start[at]! >= classes) return false;
    if (labelBytes === 2 && (start[at]! >= CLASSES.coarse || start[at + 1]! >= CLASSES.fine)) return false;
  }
  return true;
}

function pixelsOf([channels, height, width]: ImageShape): number {
  return channels * height * width;
}

async function isPacked(path: string): Promise<boolean> {
  const start = Buffer.alloc(4);
  await withRegular(path, (file) => file.read(start, 0, start.length, 0));
  return start.readUInt16BE() === 0x1f8b || hasZstdMagic(start);
}

function sizeOf(path: string): Promise<number> {
  return withRegular(path, async (file) => (await file.stat()).size);
}
