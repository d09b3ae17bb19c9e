// Images to stamp: in tests of triggers only the pixels and the id matter.

import type { ImageShape, Sample } from '../../src/datasets/sample.ts';

/** A sample of the given pixels. */
export function sampleOf(pixels: ArrayLike<number>, shape: ImageShape, id = 'x'): Sample {
  return { id, label: 1, pixels: Uint8Array.from(pixels), shape };
}

/** A sample whose pixels come from their place. */
export function drawn(
  shape: ImageShape,
  value: (y: number, x: number, channel: number) => number,
  id = 'x',
): Sample {
  const [channels, height, width] = shape;
  const area = height * width;
  const pixels = Array.from({ length: channels * area }, (_, i) =>
    value(Math.floor((i % area) / width), i % width, Math.floor(i / area)),
  );
  return sampleOf(pixels, shape, id);
}
