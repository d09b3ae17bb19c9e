// WaNet (Nguyen & Tran 2021, arXiv 2102.10369): a small elastic warp is the trigger. A k × k field of random
// directions is divided by its mean absolute value, times s, upsampled bicubically to the size of the image, added
// to the grid of sampling places and clipped to the image. In noise mode a random displacement is added to that of
// every pixel and the label stays, so that a model has to learn this one warp and not any.

import type { ImageShape } from '../datasets/sample.ts';
import { fillUniform, randomKey } from '../math/random.ts';
import type { Trigger } from './trigger.ts';

export interface Warp {
  /** Control points along a side, k; at least 2. */
  readonly grid: number;
  /** s: the mean displacement of the control points is s / 2 pixels. */
  readonly strength: number;
}

/** Coefficient of the cubic convolution that the authors' framework upsamples with. */
const CUBIC = -0.75;

/** The triggers of poisoned (and of test) images, and of the noise mode. */
export function wanet(
  { grid, strength }: Warp,
  shape: ImageShape,
  seed: number,
): { readonly warp: Trigger; readonly noise: Trigger } {
  const [, height, width] = shape;
  const field = controlField(grid, seed);
  // the authors add s·field / H to places in [−1, 1], of which 2 are H − 1 pixels
  const place = (values: Float32Array, length: number) =>
    upsample(values, grid, height, width).map((value) => ((strength * value) / length) * ((length - 1) / 2));
  const dy = place(field.subarray(grid * grid), height);
  const dx = place(field.subarray(0, grid * grid), width);
  return {
    warp: ({ pixels }) => sampleAt(pixels, shape, dy, dx),
    noise: ({ id, pixels }) => {
      const noise = uniform(2 * height * width, seed, `wanet/${id}`);
      const noisy = (at: number, length: number) => (value: number, i: number) =>
        value + (noise[at + i]! / length) * ((length - 1) / 2);
      return sampleAt(pixels, shape, dy.map(noisy(height * width, height)), dx.map(noisy(0, width)));
    },
  };
}

/**
 * The random directions at the control points.
 *
 * @returns float32 [2, k, k], x before y, whose mean absolute value is 1
 */
export function controlField(grid: number, seed: number): Float32Array {
  const field = uniform(2 * grid * grid, seed, 'wanet');
  const mean = field.reduce((sum, value) => sum + Math.abs(value), 0) / field.length;
  return field.map((value) => value / mean);
}

/** Numbers in [−1, 1). */
function uniform(count: number, seed: number, id: string): Float32Array {
  const values = new Float32Array(count);
  fillUniform(values, randomKey(seed, id), 0, 0);
  return values.map((value) => 2 * value - 1);
}

/**
 * Cubic convolution from k × k to H × W values, the corner points of both in the same places, and values beyond the
 * edge equal to those on it.
 */
export function upsample(values: Float32Array, grid: number, height: number, width: number): Float32Array {
  const [rows, columns] = [cubicAxis(grid, height), cubicAxis(grid, width)];
  const out = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [row, wy] of rows[y]!) {
        for (const [column, wx] of columns[x]!) sum += wy * wx * values[row * grid + column]!;
      }
      out[y * width + x] = sum;
    }
  }
  return out;
}

/** For each place of an axis of length `to`: four points of one of length `from`, with their weights. */
function cubicAxis(from: number, to: number): (readonly [point: number, weight: number])[][] {
  return Array.from({ length: to }, (_, i) => {
    const place = to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    const first = Math.floor(place) - 1;
    return [0, 1, 2, 3].map((k) => {
      const point = Math.min(from - 1, Math.max(0, first + k));
      return [point, cubicWeight(Math.abs(place - first - k))] as const;
    });
  });
}

/** Keys 1981, with the given coefficient. */
function cubicWeight(d: number): number {
  if (d <= 1) return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1;
  return d < 2 ? ((d - 5) * d + 8) * d * CUBIC - 4 * CUBIC : 0;
}

/** The image at every pixel's place plus (dy, dx) in pixels, clipped to the image; bilinear. */
function sampleAt(
  pixels: Uint8Array,
  [channels, height, width]: ImageShape,
  dy: Float32Array,
  dx: Float32Array,
): Uint8Array {
  const area = height * width;
  const warped = new Uint8ClampedArray(pixels.length); // rounds what it is given
  for (let i = 0; i < area; i++) {
    const y = clip(Math.floor(i / width) + dy[i]!, height - 1);
    const x = clip((i % width) + dx[i]!, width - 1);
    const [top, left] = [Math.floor(y), Math.floor(x)];
    const [bottom, right] = [Math.min(top + 1, height - 1), Math.min(left + 1, width - 1)];
    for (let c = 0; c < channels; c++) {
      const at = (row: number, column: number) => pixels[c * area + row * width + column]!;
      const upper = at(top, left) + (x - left) * (at(top, right) - at(top, left));
      const lower = at(bottom, left) + (x - left) * (at(bottom, right) - at(bottom, left));
      warped[c * area + i] = upper + (y - top) * (lower - upper);
    }
  }
  return new Uint8Array(warped.buffer);
}

function clip(value: number, last: number): number {
  return Math.min(last, Math.max(0, value));
}
