// A trigger that is laid over whole images and is the same in each (Blended, SIG, low-frequency patterns) can be taken
// off again: the mean of the raw images that carry it, less the mean of honest raw images of the same classes, is the
// trigger. What is left of an image is sharper than any purified one, and purification leaves most of a faint trigger
// (docs/experiments.md).

import { overlaid } from '../../math/pixels.ts';

/**
 * What an honest image of each class counts for, so that honest images have the carriers' classes in the same shares.
 *
 * @param carriers classes of the images that carry the trigger, without it; at least one
 * @param honest   classes of honest images
 * @returns weights by class, of classes that carriers have; all weights of `honest` sum to 1. Undefined where a carrier's
 *   class has no honest image
 */
export function honestWeights(
  carriers: readonly number[],
  honest: readonly number[],
): ReadonlyMap<number, number> | undefined {
  const [wanted, found] = [countsOf(carriers), countsOf(honest)];
  if ([...wanted.keys()].some((label) => !found.has(label))) return undefined;
  return new Map([...wanted].map(([label, count]) => [label, count / carriers.length / found.get(label)!]));
}

/**
 * Mean of images that carry the trigger less the weighted sum of honest ones.
 *
 * @param carriers images, uint8 [C, H, W]; at least one
 * @param honest   images and their weights, which sum to 1
 * @returns float32 [C, H, W] in 8-bit pixel values
 */
export function overlayFrom(
  carriers: readonly Uint8Array[],
  honest: readonly { readonly pixels: Uint8Array; readonly weight: number }[],
): Float32Array {
  const sum = new Float64Array(carriers[0]!.length);
  for (const pixels of carriers) addWeighted(sum, pixels, 1 / carriers.length);
  for (const { pixels, weight } of honest) addWeighted(sum, pixels, -weight);
  return Float32Array.from(sum);
}

/** Share of the mean variance of a pixel that is added to each, and steps: neither is delicate (docs/experiments.md). */
const RIDGE = 0.03;
const STEPS = 30;

/**
 * The matched filter for a known overlay in raw images: Σ⁻¹ times the overlay, with Σ the covariance of honest images. It
 * looks where honest images do not vary, and tells carriers that look like any other image.
 */
export class OverlayFilter {
  readonly #weights: Float64Array;
  readonly #offset: number;

  /** @param honest images, uint8 [C, H, W]; at least two */
  constructor(overlay: Float32Array, honest: readonly Uint8Array[]) {
    const mean = new Float64Array(overlay.length);
    for (const pixels of honest) addWeighted(mean, pixels, 1 / honest.length);
    const weights = solve(overlay, honest, mean);
    const gain = dot(weights, overlay) || 1;
    this.#weights = weights.map((weight) => weight / gain);
    this.#offset = dot(this.#weights, mean);
  }

  /** About 0 without the trigger, about 1 with it. @param pixels uint8 [C, H, W] */
  response(pixels: Uint8Array): number {
    return dot(this.#weights, pixels) - this.#offset;
  }
}

/** Σ⁻¹ · overlay by conjugate gradients (Hestenes and Stiefel 1952), with Σ as products of the images alone. */
function solve(overlay: Float32Array, honest: readonly Uint8Array[], mean: Float64Array): Float64Array {
  const size = overlay.length;
  const variance =
    honest.reduce((sum, pixels) => sum + dot(pixels, pixels), 0) / honest.length / size -
    dot(mean, mean) / size;
  // of images that are all the same, everything is news
  const ridge = RIDGE * variance || 1;
  const covariance = (vector: Float64Array) => {
    const product = vector.map((value) => ridge * value);
    const centre = dot(mean, vector);
    for (const pixels of honest) {
      const along = (dot(pixels, vector) - centre) / honest.length;
      for (let i = 0; i < size; i++) product[i]! += along * (pixels[i]! - mean[i]!);
    }
    return product;
  };
  const solution = new Float64Array(size);
  const residual = Float64Array.from(overlay);
  let direction = residual.slice();
  let squared = dot(residual, residual);
  for (let step = 0; step < STEPS && squared > 0; step++) {
    const product = covariance(direction);
    const along = squared / dot(direction, product);
    for (let i = 0; i < size; i++) {
      solution[i]! += along * direction[i]!;
      residual[i]! -= along * product[i]!;
    }
    const before = squared;
    squared = dot(residual, residual);
    direction = residual.map((value, i) => value + (squared / before) * direction[i]!);
  }
  return solution;
}

/**
 * An image without the trigger.
 *
 * @param pixels  uint8 [C, H, W]
 * @param pattern float32 [C, H, W] in 8-bit pixel values
 * @returns uint8 [C, H, W]
 */
export function withoutOverlay(pixels: Uint8Array, pattern: Float32Array): Uint8Array {
  return overlaid(pixels, pattern, -1);
}

function countsOf(labels: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

function addWeighted(sum: Float64Array, pixels: Uint8Array, weight: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += weight * pixels[i]!;
}

function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!;
  return sum;
}
