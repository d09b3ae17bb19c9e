// What silence of the stamps is worth: the smallest share of planted canaries in a class whose stamp would have accused
// it. What purification removed from canaries is mixed with what it removed from the class, in the proportion that is
// asked for; stamps are made of the mixture as they are made of any class, laid onto images, and the observer that was
// taught the canaries is asked. The placebo is what was removed from the class alone: the best that sorting can do.

import { wilsonInterval } from '../../math/binomial.ts';
import { contrastOf, type ResidualSums } from '../evidence/residuals.ts';
import { logPBeyond } from './own-look.ts';
import { asStrongAs } from './placebo.ts';
import { leastShown, SHARES } from './power.ts';
import { type Removed, type Stamp, stampsOf } from './stamp.ts';
import { honestRate, type StampTrial } from './stamp-trial.ts';

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

/** What stamps would find in one class. */
export class StampPower {
  readonly #label: number;
  readonly #samples: number;
  readonly #parts: StampPowerParts;
  /** Of the class, and of all others. */
  readonly #own: { readonly all: ResidualSums; readonly moved: ResidualSums };
  readonly #usual: { readonly all: ResidualSums; readonly stayed: ResidualSums };
  readonly #rate: number;
  /** That a stamp is laid onto when it is judged. */
  readonly #images: number;

  /** @param samples of the class */
  constructor(label: number, samples: number, parts: StampPowerParts) {
    const { residuals, trials } = parts;
    this.#label = label;
    this.#samples = samples;
    this.#parts = parts;
    this.#own = { all: residuals.all(label), moved: residuals.moved(label) };
    this.#usual = { all: residuals.allExcept([label]), stayed: residuals.stayedExcept([label]) };
    this.#rate = honestRate(trials, label);
    this.#images = trials[0] ? countOthers(trials[0].before, label) : 0;
  }

  /**
   * The smallest of the tried shares at which a stamp accuses the class.
   *
   * @param canary label of the canaries
   * @param least  share from which on is tried
   * @param below  share that needs no try any more
   * @returns undefined where none of them does
   */
  async least(canary: number, least: number, below: number): Promise<number | undefined> {
    const { canaries } = this.#parts;
    const some = { all: canaries.all(canary), moved: canaries.moved(canary) };
    if (some.all.count === 0 || this.#images === 0) return undefined;
    const shares = SHARES.filter((share) => share >= least && share < below);
    return leastShown(shares, async (share) => {
      const weight = ((share / (1 - share)) * this.#samples) / some.all.count;
      const mixed: Removed = {
        all: () => sum(this.#own.all, some.all, weight),
        moved: () => sum(this.#own.moved, some.moved, weight),
        allExcept: () => this.#usual.all,
        stayedExcept: () => this.#usual.stayed,
      };
      for (const stamp of stampsOf(mixed, this.#label)) if (await this.#accuses(stamp, canary)) return true;
      return false;
    });
  }

  async #accuses(stamp: Stamp, canary: number): Promise<boolean> {
    const { trials, level } = this.#parts;
    const [low] = await this.#obeying(stamp, canary);
    const [images, stamps] = [this.#images, trials.length];
    const worked = { hits: Math.round(low * images), images, rate: this.#rate, stamps };
    const shows = (placebo: number) => logPBeyond(placebo, worked) <= Math.log(level);
    if (!shows(0)) return false;
    if (this.#own.all.count === 0) return true;
    const look = contrastOf(this.#own.all, this.#usual.all);
    const [, high] = await this.#obeying(asStrongAs(stamp, look), canary);
    return shows(high);
  }

  /** 95 % interval of the share of images that a stamp turns. */
  async #obeying(stamp: Stamp, canary: number): Promise<readonly [low: number, high: number]> {
    const { before, labelsWith } = this.#parts;
    const after = await labelsWith(stamp);
    const label = this.#label;
    const hits = after.filter((to, n) => before[n] !== label && (to === label || to === canary)).length;
    return wilsonInterval(hits, countOthers(before, label));
  }
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
