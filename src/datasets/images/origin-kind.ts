// What a repaired image leaves as where it is to leave as it came: JPEG, which is half of all datasets and whose readers
// may know nothing else. Other kinds leave as PNG, which loses nothing.

import type { Image } from '../entry.ts';
import type { Origin } from '../origin.ts';
import { originalImage } from './image-file.ts';
import { encodeJpeg, hasJpegSignature } from './jpeg.ts';

/** The file of a repaired image, a JPEG where it came as one; undefined where it leaves as a PNG. */
export async function encodedAsBefore(
  image: Image,
  origin: Origin | undefined,
): Promise<Uint8Array | undefined> {
  const original = origin && originalImage(origin);
  return original && hasJpegSignature(original) ? encodeJpeg(image) : undefined;
}
