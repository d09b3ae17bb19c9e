// Which samples of a flagged class carry its trigger. What purification removes from one image is compared with the
// recovered trigger by a matched filter, the best linear test for a known signal in noise of known variance (North
// 1943). It finds the poison that purification did not move, and clears honest samples that it did; triggers that vary
// from image to image escape it, and it says so itself.

import type { ResidualSums, Residuals } from '../evidence/residuals.ts';

/** Samples that moved from which on they show the trigger better than the whole class. */
const ENOUGH_MOVED = 20;

/** Share of honest samples that are taken for carriers. */
const HONEST_SHARE = 0.05;

/** Share of the known poison that must be found for the filter to be believed, and of the class where none is known. */
const FOUND = 0.8;
const FOUND_UNKNOWN = 3 * HONEST_SHARE;

export class MatchedFilter {
  readonly #weights: Float64Array;
  readonly #usual: Float64Array;

  /** @param targets all flagged labels; some label must not be one */
  constructor(residuals: Residuals, label: number, targets: readonly number[]) {
    const moved = residuals.moved(label);
    const [some, usual] =
      moved.count >= ENOUGH_MOVED
        ? [moved, residuals.stayedExcept(targets)]
        : [residuals.all(label), residuals.allExcept(targets)];
    const honest = residuals.allExcept(targets);
    this.#usual = honest.sums.map((sum) => sum / honest.count);
    const signal = some.sums.map((sum, i) => sum / some.count - usual.sums[i]! / usual.count);
    const weights = signal.map((value, i) => value / varianceOf(honest, i));
    const gain = weights.reduce((sum, weight, i) => sum + weight * signal[i]!, 0);
    this.#weights = weights.map((weight) => weight / (gain || 1));
  }

  /**
   * How much of the trigger purification took from an image: 0 as for honest ones on average, 1 as for the samples
   * that the trigger was recovered from.
   *
   * @param raw      uint8 [C, H, W]
   * @param purified uint8 [C, H, W], the last candidate
   */
  response(raw: Uint8Array, purified: Uint8Array): number {
    let sum = 0;
    for (let i = 0; i < raw.length; i++) {
      sum += (raw[i]! - purified[i]! - this.#usual[i]!) * this.#weights[i]!;
    }
    return sum;
  }
}

/**
 * The response above which a sample carries the trigger; undefined when the filter cannot be believed.
 *
 * @param honest   responses of samples of labels that are not flagged
 * @param poisoned responses of samples of the label that are poisoned for all one knows; may be few
 * @param all      responses of samples of the label
 */
export function carrierThreshold(
  honest: readonly number[],
  poisoned: readonly number[],
  all: readonly number[],
): number | undefined {
  if (honest.length < 1 / HONEST_SHARE) return undefined;
  const threshold = honest.toSorted((a, b) => a - b)[Math.floor((1 - HONEST_SHARE) * honest.length)]!;
  const found = (responses: readonly number[]) =>
    responses.filter((response) => response > threshold).length / responses.length;
  const believed =
    poisoned.length >= ENOUGH_MOVED
      ? found(poisoned) >= FOUND
      : all.length > 0 && found(all) >= FOUND_UNKNOWN;
  return believed ? threshold : undefined;
}

/** Never below that of the rounding to whole pixel values. */
function varianceOf({ count, sums, squares }: ResidualSums, i: number): number {
  const mean = sums[i]! / count;
  return Math.max(squares[i]! / count - mean * mean, 1);
}
