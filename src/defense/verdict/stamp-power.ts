// What silence of the stamps is worth: the smallest share of planted canaries in a class whose stamp would have accused
// it. What purification removed from canaries is mixed with what it removed from the class, in the proportion that is
// asked for; stamps are made of the mixture as they are made of any class, laid onto images, and the observer that was
// taught the canaries is asked. The placebo is what was removed from the class alone: the best that sorting can do.

import { wilsonInterval } from '../../math/binomial.ts';
import { contrastOf, type ResidualSums } from '../evidence/residuals.ts';
import { asStrongAs } from './placebo.ts';
import { leastShown, SHARES } from './power.ts';
import { honestRate, logPBeyond, type Removed, type Stamp, type StampTrial, stampsOf } from './stamp-test.ts';

/** Poison may be learned where it is as frequent as canaries were planted; nobody knows of less. */
export function fewestLearned(samples: number, planted: number): number {
  return planted / (samples + planted);
}

/** A share as it is stated: not below what may be learned, and nothing from a half on. */
export function leastOf(share: number, least: number): number | null {
  const stated = Math.max(share, Math.ceil(100 * least) / 100);
  return stated <= SHARES.at(-1)! ? stated : null;
}

/** What the stamps are asked about. */
export interface StampPowerParts {
  /** Of the dataset. */
  readonly residuals: Removed;
  /** Of canaries, by their labels behind the dataset's. */
  readonly canaries: Removed;
  /** Of the dataset's own stamps. */
  readonly trials: readonly StampTrial[];
  /** [N] labels of some images. */
  readonly before: ArrayLike<number>;
  /** [N] labels of the same with a stamp, by the observer that was taught the canaries. */
  readonly labelsWith: (stamp: Stamp) => Promise<readonly number[]>;
  /** p-value from which on a stamp accuses. */
  readonly level: number;
}

/**
 * The smallest of the tried shares at which a stamp accuses the class.
 *
 * @param canary label of the canaries
 * @param least  share from which on is tried
 * @param below  share that needs no try any more
 * @returns undefined where none of them does
 */
export function stampPower(
  label: number,
  canary: number,
  samples: number,
  parts: StampPowerParts,
  least: number,
  below: number,
): Promise<number | undefined> {
  const { residuals, canaries, trials, level } = parts;
  const own = { all: residuals.all(label), moved: residuals.moved(label) };
  const some = { all: canaries.all(canary), moved: canaries.moved(canary) };
  const usual = { all: residuals.allExcept([label]), stayed: residuals.stayedExcept([label]) };
  const rate = honestRate(trials, label);
  const images = trials[0] ? countOthers(trials[0].before, label) : 0;
  const obeying = async (stamp: Stamp) => {
    const after = await parts.labelsWith(stamp);
    const hits = after.filter((to, n) => parts.before[n] !== label && (to === label || to === canary)).length;
    return wilsonInterval(hits, countOthers(parts.before, label));
  };
  const shown = async (share: number) => {
    const weight = ((share / (1 - share)) * samples) / some.all.count;
    const mixed: Removed = {
      all: () => sum(own.all, some.all, weight),
      moved: () => sum(own.moved, some.moved, weight),
      allExcept: () => usual.all,
      stayedExcept: () => usual.stayed,
    };
    for (const stamp of stampsOf(mixed, label)) {
      const [low] = await obeying(stamp);
      const hits = Math.round(low * images);
      const logP = (placebo: number) => logPBeyond(placebo, hits, images, rate, trials.length);
      if (logP(0) > Math.log(level)) continue;
      if (own.all.count === 0) return true;
      const [, high] = await obeying(asStrongAs(stamp, contrastOf(own.all, usual.all)));
      if (logP(high) <= Math.log(level)) return true;
    }
    return false;
  };
  if (some.all.count === 0 || images === 0) return Promise.resolve(undefined);
  return leastShown(
    SHARES.filter((share) => share >= least && share < below),
    shown,
  );
}

function countOthers(labels: ArrayLike<number>, label: number): number {
  let count = 0;
  for (let n = 0; n < labels.length; n++) if (labels[n] !== label) count += 1;
  return count;
}

/** One, and so many times the other. */
function sum(one: ResidualSums, other: ResidualSums, weight: number): ResidualSums {
  return {
    count: one.count + weight * other.count,
    sums: one.sums.map((value, i) => value + weight * other.sums[i]!),
    squares: one.squares.map((value, i) => value + weight * other.squares[i]!),
  };
}
