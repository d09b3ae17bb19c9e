// The image files that samples come in, told apart by their first bytes whatever their names say: PNG, JPEG, PPM,
// PGM, BMP, WebP, AVIF, GIF (its first frame) and TIFF (its first page). Transparency is dropped from all. Written images are always PNG.

import { DataElixirError, SampleError } from '../../errors.ts';
import { readRegular } from '../../files/regular-file.ts';
import type { DecodeImage, Image } from '../entry.ts';
import { decodeBmp } from './bmp.ts';
import { decodeGif } from './gif.ts';
import { type ImageKind, imageKind } from './image-kind.ts';
import { decodeJpeg } from './jpeg.ts';
import { decodeThroughLibvips } from './libvips-image.ts';
import { decodePng } from './png.ts';
import { pngHeader } from './png-chunks.ts';
import { decodeLargePng } from './png-large.ts';
import { decodePnm } from './pnm.ts';

export const IMAGE_EXTENSIONS: readonly string[] = [
  ...['png', 'jpg', 'jpeg', 'ppm', 'pgm'],
  ...['webp', 'bmp', 'tif', 'tiff', 'gif', 'avif'],
];
/** Of inflated pixels, from where on a PNG is decoded by libvips. */
const LARGE_PNG = 2 ** 24;
const MOST_FILE_BYTES = 2 ** 27;
const EXTENSION = new RegExp(`\\.(?:${IMAGE_EXTENSIONS.join('|')})$`, 'i');

type Decode = (bytes: Uint8Array, maxPixels: number) => Image | Promise<Image>;

const DECODERS: Readonly<Record<ImageKind, Decode>> = {
  PNG: (bytes, maxPixels) => {
    const header = pngHeader(bytes, maxPixels);
    return header.dataBytes > LARGE_PNG ? decodeLargePng(bytes, header) : decodePng(bytes, maxPixels);
  },
  JPEG: decodeJpeg,
  PNM: decodePnm,
  BMP: decodeBmp,
  GIF: decodeGif,
  WebP: (bytes, maxPixels) => decodeThroughLibvips(bytes, 'WebP', maxPixels),
  AVIF: (bytes, maxPixels) => decodeThroughLibvips(bytes, 'AVIF', maxPixels),
  TIFF: (bytes, maxPixels) => decodeThroughLibvips(bytes, 'TIFF', maxPixels),
};

/** Decodes an image of any of these kinds, in this thread. */
export const decodeImage: DecodeImage = async (bytes, maxPixels) => {
  const kind = imageKind(bytes);
  if (kind) return DECODERS[kind](bytes, maxPixels);
  const start = Buffer.from(bytes.subarray(0, 8)).toString('hex');
  throw new SampleError(
    `expected a PNG, JPEG, PPM, BMP, WebP, AVIF, GIF or TIFF image, found bytes ${start || '(none)'}; convert it to PNG`,
  );
};

/**
 * The bytes of an image file.
 *
 * @param least        files of fewer bytes are not read at all: what says 0 may be no file of a disk
 * @param denialsPass  as `Patience.read` has it
 * @throws {SampleError} when it is none, or holds more than an image may; {UnreadableError} or {ForbiddenError} when nothing
 *                       can be said of it
 */
export async function readImageFile(
  path: string,
  maxPixels: number,
  { least = 0, denialsPass = true } = {},
): Promise<Buffer> {
  const refuse = (size: number) => {
    if (size < least) return new SampleError(`expected an image file, found ${size} bytes; write it again`);
    return size > maxImageBytes(maxPixels) ? tooManyBytes(size, maxPixels) : undefined;
  };
  try {
    return await readRegular(path, refuse, denialsPass);
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

/** Whether a file is a JPEG by its name. */
export function isJpegName(name: string): boolean {
  return /\.jpe?g$/i.test(name);
}

/** A file name without the extension of an image. */
export function imageStem(name: string): string {
  return name.replace(EXTENSION, '');
}
