// What is laid onto images to see whether a class's trigger was recovered.

import { overlaid } from '../../math/pixels.ts';

/** Something to lay onto images: added, and limited to [0, 255]. */
export interface Stamp {
  /** The class that it was recovered from. */
  readonly label: number;
  /**
   * Whether all samples of the class were averaged, or those that purification moved to another label, or of these
   * only what stands out, made strong.
   */
  readonly from: 'all' | 'moved' | 'outstanding';
  /** float32 [C × H × W] in 8-bit pixel values. */
  readonly pattern: Float32Array;
}

/** An image with a stamp on it. @returns uint8 [C, H, W] */
export function stamped(pixels: Uint8Array, { pattern }: Stamp): Uint8Array {
  return overlaid(pixels, pattern, 1);
}
