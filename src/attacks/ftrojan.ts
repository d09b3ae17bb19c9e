// FTrojan (Wang et al. 2021, arXiv 2111.10991): the trigger is one middle and one high frequency. Images are taken
// to YUV, U and V are cut into blocks of 32 × 32, and in the discrete cosine transform of each block a magnitude is
// added at (15, 15) and at (31, 31). Gray images have one channel to add to. The transform is linear, so the trigger
// is a fixed pattern of waves, which is added directly.

import type { ImageShape } from '../datasets/sample.ts';
import type { Trigger } from './trigger.ts';

const BLOCK = 32;

/** What one unit of U and one of V together add to R, G and B (ITU-R BT.601). */
const RGB_OF_UV = [1.13983, -0.39465 - 0.5806, 2.03211] as const;

/**
 * The trigger that adds two waves.
 *
 * Blocks are as large as the image where it is smaller than 32 pixels, and the frequencies move with them: the one
 * before the middle, and the last. What is left beside whole blocks stays as it is.
 *
 * @param magnitude of each coefficient in the orthonormal transform of gray levels of 255
 */
export function ftrojan(magnitude: number, shape: ImageShape): Trigger {
  const [channels, height, width] = shape;
  const area = height * width;
  const waves = blockWaves(magnitude, height, width);
  const gains = channels === 3 ? RGB_OF_UV : [1];
  return ({ pixels }) => {
    const stamped = new Uint8ClampedArray(pixels.length); // rounds and clamps what it is given
    for (let i = 0; i < stamped.length; i++) {
      stamped[i] = pixels[i]! + gains[Math.floor(i / area)]! * waves[i % area]!;
    }
    return new Uint8Array(stamped.buffer);
  };
}

/** The inverse transform of the two coefficients in every whole block: float64 [H, W]. */
export function blockWaves(magnitude: number, height: number, width: number): Float64Array {
  const [rows, columns] = [Math.min(BLOCK, height), Math.min(BLOCK, width)];
  const [wholeHeight, wholeWidth] = [height - (height % rows), width - (width % columns)];
  return Float64Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    if (y >= wholeHeight || x >= wholeWidth) return 0;
    const wave = (part: number) => cosine(part, rows, y % rows) * cosine(part, columns, x % columns);
    return magnitude * (wave(0.5) + wave(1));
  });
}

/** The orthonormal DCT-II basis at place `at`, for the last frequency of that part of the spectrum. */
function cosine(part: number, length: number, at: number): number {
  const frequency = Math.max(0, Math.floor(part * length) - 1);
  const norm = Math.sqrt((frequency === 0 ? 1 : 2) / length);
  return norm * Math.cos((Math.PI * (2 * at + 1) * frequency) / (2 * length));
}
