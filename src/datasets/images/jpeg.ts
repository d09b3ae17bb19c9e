// JPEG to 8-bit channel-major images with one or three channels, through sharp, that is libvips and libjpeg-turbo.
// Pixels come as they are stored: not turned by EXIF, not changed by a color profile, as Pillow and torchvision
// read them; the way back is for repaired images that are to stay JPEGs. What the decoder warns of does not refuse an image where no pixel is lost.

import type { Image } from '../entry.ts';
import { interleave } from '../sample.ts';
import { decodeThroughLibvips } from './libvips-image.ts';
import { loadSharp } from './load-sharp.ts';

/** Of written files, of 100: no difference that people see. Colors keep their resolution, or repairs of few pixels would bleed. */
const QUALITY = { quality: 95, chromaSubsampling: '4:4:4' };

/** Whether a file begins like a JPEG. */
export function hasJpegSignature(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** A JPEG of quality 95. @throws {EngineError} when sharp is not installed */
export async function encodeJpeg({ pixels, shape }: Image): Promise<Uint8Array> {
  const [stored, height, width] = shape;
  const channels = stored === 1 ? 1 : 3;
  const sharp = await loadSharp();
  return sharp(interleave(pixels, shape), { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .jpeg(QUALITY)
    .toBuffer();
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
