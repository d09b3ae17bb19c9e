// The image files that samples come in, told apart by their first bytes whatever their names say: PNG, PPM, PGM.

import { hasPngSignature } from 'fast-png';
import { SampleError } from '../errors.ts';
import type { Image } from './entry.ts';
import { decodePng } from './png.ts';
import { decodePnm, hasPnmSignature } from './pnm.ts';

export const IMAGE_EXTENSIONS: readonly string[] = ['png', 'ppm', 'pgm'];
const EXTENSION = new RegExp(`\\.(?:${IMAGE_EXTENSIONS.join('|')})$`, 'i');

/**
 * Decodes an image of any of these kinds.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is of another kind, damaged or too large
 */
export function decodeImage(bytes: Uint8Array, maxPixels: number): Image {
  if (hasPngSignature(bytes)) return decodePng(bytes, maxPixels);
  if (hasPnmSignature(bytes)) return decodePnm(bytes, maxPixels);
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  throw new SampleError(
    `expected a PNG, PPM or PGM image, found bytes ${start || '(none)'}; convert it to PNG`,
  );
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
