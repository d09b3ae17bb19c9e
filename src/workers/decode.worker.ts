// The worker thread that decodes PNG files for a reader, many small ones at a time.

import { decodePng } from '../datasets/png.ts';
import { SampleError, toFailure } from '../errors.ts';
import type { DecodedFile, FilesToDecode } from './thread-decoder.ts';

export default function run({ bytes, lengths, maxPixels }: FilesToDecode): readonly DecodedFile[] {
  let end = 0;
  return lengths.map((length, n): DecodedFile => {
    end += length;
    const file = bytes.subarray(end - length, end);
    try {
      return decodePng(file, maxPixels[n]!);
    } catch (error) {
      if (!(error instanceof SampleError)) throw error;
      return toFailure(error);
    }
  });
}
