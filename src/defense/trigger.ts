// The trigger of a flagged class, as recovered from what purification removed: the mean residual of the samples that
// left the class, less the mean residual of honest samples, is the trigger itself. It says where images must be
// replaced, so that all the rest of a raw image can stay. This is not in the paper, which replaces whole images;
// whole purified images of one class teach a model that smooth images are that class.

import type { ImageShape } from '../datasets/sample.ts';
import type { ResidualSums, Residuals } from './residuals.ts';

/** Share of the largest difference, and standard errors, that a value must exceed to belong to the trigger. */
const MIN_SHARE = 0.25;
const MIN_ERRORS = 5;

/** What is known of one class's trigger. */
export interface Trigger {
  /** [C, H, W] in 8-bit pixel values: what purification takes from samples that left, beyond what it takes from any. */
  readonly pattern: Float32Array;
  /** [H, W], 1 where images are replaced: where the pattern is significant in any channel, and one pixel around it. */
  readonly mask: Uint8Array;
}

/**
 * Finds the trigger of a flagged label; undefined where no pixel stands out, as with too few samples.
 *
 * @param targets all flagged labels; their samples are no standard of honesty
 */
export function locateTrigger(
  residuals: Residuals,
  label: number,
  targets: readonly number[],
  shape: ImageShape,
): Trigger | undefined {
  const left = residuals.moved(label);
  const honest = residuals.stayedExcept(targets);
  if (left.count < 2 || honest.count < 2) return undefined;
  const usual = meansOf(honest);
  const pattern = meansOf(left).map((mean, i) => mean - usual[i]!);
  const core = coreOf(pattern, left, honest);
  return core.includes(1) ? { pattern, mask: widened(core, shape) } : undefined;
}

/** The raw image with everything under the mask taken from the purified one; without a mask, the purified one. */
export function replaceTrigger(
  raw: Uint8Array,
  purified: Uint8Array,
  mask: Uint8Array | undefined,
): Uint8Array {
  if (!mask) return purified;
  return raw.map((value, i) => (mask[i % mask.length] ? purified[i]! : value));
}

function meansOf({ count, sums }: ResidualSums): Float32Array {
  return Float32Array.from(sums, (sum) => sum / count);
}

function coreOf(pattern: Float32Array, left: ResidualSums, honest: ResidualSums): Uint8Array {
  const largest = pattern.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Uint8Array.from(pattern, (value, i) => {
    const error = Math.sqrt(errorOf(left, i) + errorOf(honest, i));
    return Math.abs(value) > MIN_SHARE * largest && Math.abs(value) > MIN_ERRORS * error ? 1 : 0;
  });
}

/** Squared standard error of a mean; never below that of the rounding to whole pixel values. */
function errorOf({ count, sums, squares }: ResidualSums, i: number): number {
  const mean = sums[i]! / count;
  return Math.max(squares[i]! / count - mean * mean, 1 / 12) / count;
}

function widened(core: Uint8Array, [channels, height, width]: ImageShape): Uint8Array {
  const mask = new Uint8Array(height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (core[(c * height + y) * width + x]) markAround(mask, y, x, height, width);
      }
    }
  }
  return mask;
}

function markAround(mask: Uint8Array, y: number, x: number, height: number, width: number): void {
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
    mask.fill(1, v * width + Math.max(0, x - 1), v * width + Math.min(width, x + 2));
  }
}
