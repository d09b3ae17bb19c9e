// Small pictures by number, encoded without this project's code; also for scripts, which have no test runner.

import { encode } from 'fast-png';
import type { ImageShape } from '../../src/datasets/sample.ts';

/** Channel-major pixels of sample `i`; no two of the first hundreds are equal. */
export function pixelsOf(i: number, [channels, height, width]: ImageShape): Uint8Array {
  return Uint8Array.from(
    { length: channels * height * width },
    (_, at) => (i * 37 + at * 11 + (at >> 4) * i) & 0xff,
  );
}

/** A PNG of `pixelsOf(i, shape)`, encoded without this project's code. */
export function pngOf(i: number, shape: ImageShape): Buffer {
  const [channels, height, width] = shape;
  const planar = pixelsOf(i, shape);
  const area = height * width;
  const data = Uint8Array.from(
    planar,
    (_, at) => planar[(at % channels) * area + Math.floor(at / channels)]!,
  );
  return Buffer.from(encode({ width, height, channels, depth: 8, data }));
}
