// A trigger that is laid over whole images and is the same in each (Blended, SIG, low-frequency patterns) can be taken
// off again: the mean of the raw images that carry it, less the mean of honest raw images of the same classes, is the
// trigger. What is left of an image is sharper than any purified one, and purification leaves most of a faint trigger
// (docs/experiments.md).

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

/** Adds an image times a weight to a sum. @param pixels uint8 [C, H, W] */
export function addWeighted(sum: Float64Array, pixels: Uint8Array, weight: number): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += weight * pixels[i]!;
}

/**
 * An image without the trigger.
 *
 * @param pixels  uint8 [C, H, W]
 * @param pattern float32 [C, H, W] in 8-bit pixel values
 * @returns uint8 [C, H, W]
 */
export function withoutOverlay(pixels: Uint8Array, pattern: Float32Array): Uint8Array {
  return Uint8Array.from(new Uint8ClampedArray(pattern.map((value, i) => pixels[i]! - value)));
}

function countsOf(labels: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
