// The worker thread that decodes PNG files for a reader, many small ones at a time.

import type { Image } from '../datasets/entry.ts';
import { decodePng } from '../datasets/png.ts';
import { type Failure, SampleError, toFailure } from '../errors.ts';
import { moved } from './moved.ts';
import type { DecodedFiles, FilesToDecode } from './thread-decoder.ts';

export default function run({ bytes, lengths, maxPixels }: FilesToDecode): unknown {
  let end = 0;
  const decoded = lengths.map((length, n) => {
    end += length;
    return decode(bytes.subarray(end - length, end), maxPixels[n]!);
  });
  const images = decoded.filter((image) => 'pixels' in image).map(({ pixels }) => pixels);
  const pixels = new Uint8Array(images.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const image of images) {
    pixels.set(image, at);
    at += image.length;
  }
  const files = decoded.map((image) => ('pixels' in image ? image.shape : image));
  return moved({ pixels, files } satisfies DecodedFiles, [pixels]);
}

function decode(file: Uint8Array, maxPixels: number): Image | Failure {
  try {
    return decodePng(file, maxPixels);
  } catch (error) {
    if (!(error instanceof SampleError)) throw error;
    return toFailure(error);
  }
}
