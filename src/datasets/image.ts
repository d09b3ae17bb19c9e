// The image files that samples come in, told apart by their first bytes whatever their names say: PNG, JPEG, PPM,
// PGM. Written images are always PNG.

import { hasPngSignature } from 'fast-png';
import { SampleError, UnreadableError } from '../errors.ts';
import type { DecodeImage } from './entry.ts';
import { decodeJpeg, hasJpegSignature } from './jpeg.ts';
import { decodePng } from './png.ts';
import { pngHeader } from './png-chunks.ts';
import { decodeLargePng } from './png-large.ts';
import { decodePnm, hasPnmSignature } from './pnm.ts';
import { readRegularFile } from './regular-file.ts';

export const IMAGE_EXTENSIONS: readonly string[] = ['png', 'jpg', 'jpeg', 'ppm', 'pgm'];
/** Of inflated pixels, from where on a PNG is decoded by libvips. */
const LARGE_PNG = 2 ** 24;
const MOST_FILE_BYTES = 2 ** 27;
const EXTENSION = new RegExp(`\\.(?:${IMAGE_EXTENSIONS.join('|')})$`, 'i');

/** Decodes an image of any of these kinds, in this thread. */
export const decodeImage: DecodeImage = async (bytes, maxPixels) => {
  if (hasPngSignature(bytes)) {
    const header = pngHeader(bytes, maxPixels);
    return header.dataBytes > LARGE_PNG ? decodeLargePng(bytes, header) : decodePng(bytes, maxPixels);
  }
  if (hasJpegSignature(bytes)) return decodeJpeg(bytes, maxPixels);
  if (hasPnmSignature(bytes)) return decodePnm(bytes, maxPixels);
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  throw new SampleError(
    `expected a PNG, JPEG, PPM or PGM image, found bytes ${start || '(none)'}; convert it to PNG`,
  );
};

/**
 * The bytes of an image file.
 *
 * @param least files of fewer bytes are not read at all: what says 0 may be no file of a disk
 * @throws {SampleError} when it cannot be read, or holds more than an image may; {UnreadableError} when that may pass
 */
export async function readImageFile(path: string, maxPixels: number, least = 0): Promise<Buffer> {
  try {
    // a pipe or a device might never end
    return await readRegularFile(path, (size) => {
      if (size < least) return new SampleError(`expected an image file, found ${size} bytes; write it again`);
      return size > maxImageBytes(maxPixels) ? tooManyBytes(size, maxPixels) : undefined;
    });
  } catch (error) {
    if (error instanceof SampleError) throw error;
    const { message, code } = error as NodeJS.ErrnoException;
    const Kind = code === undefined || LASTING.includes(code) ? SampleError : UnreadableError;
    throw new Kind(`expected a readable file, found: ${message}; check its permissions`);
  }
}

/** What a disk or network says of a file that will not be there the next time either. */
const LASTING = [
  'ENOENT',
  'EACCES',
  'EPERM',
  'ELOOP',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ENXIO',
  'EAGAIN',
  'ERR_INVALID_ARG_VALUE',
];

/**
 * A file of more bytes than this is not worth reading: 16-bit RGBA without any compression, and a MiB of metadata. Nor is
 * one of more than cameras write, whatever its pixels: many files wait in memory at a time.
 */
export function maxImageBytes(maxPixels: number): number {
  return Math.min(8 * maxPixels, MOST_FILE_BYTES) + 2 ** 20;
}

/** The refusal of a file of more bytes than that. */
export function tooManyBytes(size: number, maxPixels: number): SampleError {
  return new SampleError(
    8 * maxPixels < MOST_FILE_BYTES
      ? `expected an image of at most ${maxPixels} pixels, found ${size} bytes; raise dataset.maxPixels`
      : `expected an image file of at most ${maxImageBytes(maxPixels)} bytes, found ${size}; compress it`,
  );
}

export function isImageName(name: string): boolean {
  return EXTENSION.test(name);
}

/** A file name without the extension of an image. */
export function imageStem(name: string): string {
  return name.replace(EXTENSION, '');
}
