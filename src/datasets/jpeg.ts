// JPEG to 8-bit channel-major images with one or three channels, through sharp, that is libvips and libjpeg-turbo.
// Pixels come as they are stored: not turned by EXIF, not changed by a color profile, as Pillow and torchvision
// read them. What the decoder warns of does not refuse an image where no pixel is lost.

import type { Image } from './entry.ts';
import { decodeThroughLibvips } from './libvips-image.ts';

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
export function decodeJpeg(bytes: Uint8Array, maxPixels: number): Promise<Image> {
  return decodeThroughLibvips(bytes, 'JPEG', maxPixels);
}
