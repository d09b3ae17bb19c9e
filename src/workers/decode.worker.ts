// The worker thread that decodes PNG files for a reader, many small ones at a time.

import { decodePngs } from '../datasets/images/png.ts';
import { SampleError, toFailure } from '../errors.ts';
import { moved } from './moved.ts';
import type { DecodedFiles, FilesToDecode } from './thread-decoder.ts';

export default function run({ bytes, lengths, maxPixels }: FilesToDecode): unknown {
  let end = 0;
  const files = lengths.map((length, n) => {
    end += length;
    return { bytes: bytes.subarray(end - length, end), maxPixels: maxPixels[n]! };
  });
  const decoded = decodePngs(files).map((image) => (image instanceof SampleError ? toFailure(image) : image));
  const images = decoded.filter((image) => 'pixels' in image).map(({ pixels }) => pixels);
  const pixels = new Uint8Array(images.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const image of images) {
    pixels.set(image, at);
    at += image.length;
  }
  const found = decoded.map((image) => ('pixels' in image ? image.shape : image));
  return moved({ pixels, files: found } satisfies DecodedFiles, [pixels]);
}
