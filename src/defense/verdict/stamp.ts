// What is laid onto images to see whether a class's trigger was recovered: the mean of what purification removed from
// the class's images, beyond what it removed from others, made as strong as the trigger was.

import { overlaid } from '../../math/pixels.ts';
import { contrastError, contrastOf, type ResidualSums, type Residuals } from '../evidence/residuals.ts';

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

/** Fewest samples whose mean residual is worth trying. */
const FEWEST = 20;

/**
 * Only a part of the averaged samples carries the trigger, and purification may leave some of it, so their mean shows
 * it fainter than it is. Honest samples that moved differ more from others than whole classes do, so they bear less.
 */
const GAINS = { moved: 2, all: 4 } as const;

/**
 * Where poison is rare, or shows the trigger faintly or in parts and tests show it whole (Qi et al. 2023), its mean is
 * too faint for any such gain. So the values that stand out by so many standard errors are tried alone, the largest of
 * them at this strength, in 8-bit pixel values. Honest samples that moved have no such values that a model obeys.
 */
const OUTSTANDING_ERRORS = 3;
const OUTSTANDING_STRENGTH = 128;

/** What purification removed, as far as stamps are made of it. */
export type Removed = Pick<Residuals, 'all' | 'moved' | 'allExcept' | 'stayedExcept'>;

/** The stamps to try for one class. */
export function stampsOf(residuals: Removed, label: number): Stamp[] {
  // sums over all others are not for classes that hardly occur
  if (residuals.all(label).count < FEWEST) return [];
  const candidates = [
    { from: 'moved', some: residuals.moved(label), usual: residuals.stayedExcept([label]) },
    { from: 'all', some: residuals.all(label), usual: residuals.allExcept([label]) },
  ] as const;
  return candidates
    .filter(({ some, usual }) => Math.min(some.count, usual.count) >= FEWEST)
    .flatMap(({ from, some, usual }): Stamp[] => {
      const contrast = contrastOf(some, usual);
      const whole: Stamp = { label, from, pattern: contrast.map((value) => GAINS[from] * value) };
      const outstanding = from === 'moved' ? outstandingIn(contrast, some, usual) : undefined;
      return outstanding ? [whole, { label, from: 'outstanding', pattern: outstanding }] : [whole];
    });
}

/** An image with a stamp on it. @returns uint8 [C, H, W] */
export function stamped(pixels: Uint8Array, { pattern }: Stamp): Uint8Array {
  return overlaid(pixels, pattern, 1);
}

/** What stands out of a contrast, made strong; undefined where nothing does. */
function outstandingIn(
  contrast: Float32Array,
  some: ResidualSums,
  usual: ResidualSums,
): Float32Array | undefined {
  const kept = contrast.map((value, i) =>
    Math.abs(value) > OUTSTANDING_ERRORS * contrastError(some, usual, i) ? value : 0,
  );
  const largest = kept.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 ? kept.map((value) => (OUTSTANDING_STRENGTH / largest) * value) : undefined;
}
