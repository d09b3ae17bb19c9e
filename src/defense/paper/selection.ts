// Step 5 of DataElixir: of a sample's images, take one that differs enough from the raw image to have lost the
// trigger and not so much as to have lost the object. Both pixels and the observer's features have a say.

import { structuralSimilarity } from '../../math/ssim.ts';

/** One image as the selection sees it. */
export interface SelectionView {
  /** uint8 [C, H, W]. */
  readonly pixels: Uint8Array;
  /** The observer's pooled penultimate features, any length. */
  readonly features: ArrayLike<number>;
}

/**
 * Distance of a candidate from the raw image: ½(1 − (SSIM+1)/2) + ½(1 − (cos+1)/2), in [0, 1].
 *
 * @param shape [C, H, W] of both images
 */
export function imageDistance(
  raw: SelectionView,
  candidate: SelectionView,
  shape: readonly [channels: number, height: number, width: number],
): number {
  const similarity = structuralSimilarity(raw.pixels, candidate.pixels, shape);
  const cosine = cosineSimilarity(raw.features, candidate.features);
  return 0.5 * (1 - (similarity + 1) / 2) + 0.5 * (1 - (cosine + 1) / 2);
}

/** Cosine of the angle between two vectors of one length; 0 where one of them is zero. */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa > 0 && bb > 0 ? dot / Math.sqrt(aa * bb) : 0;
}

/** Indices by rising distance; equal distances keep their order. */
export function distanceOrder(distances: readonly number[]): number[] {
  return [...distances.keys()].sort((a, b) => distances[a]! - distances[b]!);
}

/**
 * The image to take: the one at ⌊quantile · count⌋ by rising distance.
 *
 * @param distances of all images, the raw one included; at least one
 * @param quantile  in [0, 1); the reference's is 0.8
 */
export function chooseImage(distances: readonly number[], quantile: number): number {
  return distanceOrder(distances)[Math.floor(quantile * distances.length)]!;
}
