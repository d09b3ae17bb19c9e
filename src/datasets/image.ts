// The image files that samples come in, told apart by their first bytes whatever their names say: PNG, JPEG, PPM,
// PGM. Written images are always PNG.

import { hasPngSignature } from 'fast-png';
import { DataElixirError, SampleError } from '../errors.ts';
import { readWhole, withRegular } from '../files/regular-file.ts';
import type { DecodeImage } from './entry.ts';
import { decodeJpeg, hasJpegSignature } from './jpeg.ts';
import { decodePng } from './png.ts';
import { decodePnm, hasPnmSignature } from './pnm.ts';

export const IMAGE_EXTENSIONS: readonly string[] = ['png', 'jpg', 'jpeg', 'ppm', 'pgm'];
const EXTENSION = new RegExp(`\\.(?:${IMAGE_EXTENSIONS.join('|')})$`, 'i');

/** Decodes an image of any of these kinds, in this thread. */
export const decodeImage: DecodeImage = async (bytes, maxPixels) => {
  if (hasPngSignature(bytes)) return decodePng(bytes, maxPixels);
  if (hasJpegSignature(bytes)) return decodeJpeg(bytes, maxPixels);
  if (hasPnmSignature(bytes)) return decodePnm(bytes, maxPixels);
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  throw new SampleError(
    `expected a PNG, JPEG, PPM or PGM image, found bytes ${start || '(none)'}; convert it to PNG`,
  );
};

/** Whether a file that begins so is one of these. */
export function isImageStart(bytes: Uint8Array): boolean {
  return hasPngSignature(bytes) || hasJpegSignature(bytes) || hasPnmSignature(bytes);
}

/**
 * The bytes of an image file.
 *
 * @throws {SampleError} when it is none, or holds more than an image may; {UnreadableError} or {ForbiddenError} when nothing
 *                       can be said of it
 */
export async function readImageFile(path: string, maxPixels: number): Promise<Buffer> {
  try {
    return await withRegular(path, (file, size) => {
      if (size > maxImageBytes(maxPixels)) throw tooManyBytes(size, maxPixels);
      return readWhole(file, size);
    });
  } catch (error) {
    if (error instanceof DataElixirError) throw error;
    // what stands for bytes that are no characters finds no file
    if (path.includes('\uFFFD') && (error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new SampleError(
        `expected a name in UTF-8, found ${JSON.stringify(path)} with other bytes; rename it`,
      );
    }
    throw new SampleError(
      `expected a readable file, found: ${(error as Error).message}; put an image there, or remove it`,
    );
  }
}

/** A file of more bytes than this is not worth reading: 16-bit RGBA without any compression, and a MiB of metadata. */
export function maxImageBytes(maxPixels: number): number {
  return 8 * maxPixels + 2 ** 20;
}

/** The refusal of a file of more bytes than that. */
export function tooManyBytes(size: number, maxPixels: number): SampleError {
  return new SampleError(
    `expected an image of at most ${maxPixels} pixels, found ${size} bytes; raise dataset.maxPixels`,
  );
}

export function isImageName(name: string): boolean {
  return EXTENSION.test(name);
}

/** A file name without the extension of an image. */
export function imageStem(name: string): string {
  return name.replace(EXTENSION, '');
}
