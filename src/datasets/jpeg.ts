// JPEG to 8-bit channel-major images with one or three channels, through sharp, that is libvips and libjpeg-turbo.
// Pixels come as they are stored: not turned by EXIF, not changed by a color profile, as Pillow and torchvision
// read them.

import { SampleError } from '../errors.ts';
import type { Image } from './entry.ts';
import { loadSharp } from './load-sharp.ts';
import { type ImageShape, planar } from './sample.ts';

/** Whether a file begins like a JPEG. */
export function hasJpegSignature(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/**
 * Decodes a JPEG: gray to one channel, everything else to three.
 *
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is damaged, cut off or too large
 * @throws {EngineError} when sharp is not installed
 */
export async function decodeJpeg(bytes: Uint8Array, maxPixels: number): Promise<Image> {
  const sharp = await loadSharp();
  const image = sharp(bytes, { failOn: 'warning', limitInputPixels: false, ignoreIcc: true });
  const header = await image.metadata().catch(refuse);
  if (header.width * header.height > maxPixels) {
    throw new SampleError(
      `expected at most ${maxPixels} pixels, found a JPEG header of ${header.width}×${header.height}; ` +
        'resize the image or raise dataset.maxPixels',
    );
  }
  if (header.channels === 1) image.toColourspace('b-w');
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true }).catch(refuse);
  const shape: ImageShape = [info.channels < 3 ? 1 : 3, info.height, info.width];
  return { pixels: planar(data, shape, info.channels), shape };
}

function refuse({ message }: Error): never {
  const reason = message.trim().split('\n').at(-1);
  throw new SampleError(`expected a JPEG that decodes, found: ${reason}; fetch or export it again`);
}
