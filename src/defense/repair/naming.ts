// Who a sample of a flagged class really is: the calibrated observer's label of its purified images, and whether that
// can be acted on. Samples leave a flagged class as poison that goes home and as honest confusions. Poison leaves by
// far, honest samples by little, and about as many honest ones come the other way; so the further samples leave, the
// fewer of them are honest, and from some margin on nearly all are poison.

import { type Calibration, calibratedLabel, calibrationOf } from '../evidence/calibration.ts';
import type { LabelledScores } from '../evidence/score-sample.ts';
import { HONEST_RATIO } from '../verdict/flow-test.ts';

/** Share of the samples that leave by about one margin that may be honest for them to be relabelled. */
const MOST_HONEST = 0.25;

/** Samples that leave by about one margin: so many are looked at together. */
const NEIGHBOURS = 20;

/** Log-odds against the given label by which samples of flagged classes leave that do not calibrate the observer. */
const LEAVES = 1;

export class Naming {
  readonly #calibration: Calibration;
  /** By flagged label: [C] the margin from which on samples that show a label surely are poison. */
  readonly #sureFrom: ReadonlyMap<number, Float64Array>;

  /**
   * Poison has wrong labels, and an observer that is calibrated on them tells its own class badly; so it is calibrated
   * again without what leaves the flagged classes, as long as those are not most of all.
   *
   * @param sample  at least one sample
   * @param targets flagged labels
   */
  constructor(sample: LabelledScores, targets: readonly number[] = []) {
    const { classes } = sample;
    const first = calibrationOf(sample);
    const honest = 2 * targets.length > classes ? sample : withoutLeaving(sample, first, targets);
    this.#calibration = calibrationOf(honest);
    const margins = marginsOf(sample, this.#calibration, targets);
    this.#sureFrom = new Map(
      targets.map((target) => [
        target,
        Float64Array.from({ length: classes }, (_, other) =>
          sureFrom(margins(target, other), margins(other, target)),
        ),
      ]),
    );
  }

  /** The label that a sample's purified images show. @param scores [C], as the records hold them */
  nameOf(scores: ArrayLike<number>): number {
    return calibratedLabel(this.#calibration, scores);
  }

  /** Log-odds of the label that a sample shows against the given one; 0 where they are the same. */
  weightOf(given: number, scores: ArrayLike<number>): number {
    return marginOf(this.#calibration, given, this.nameOf(scores), scores);
  }

  /**
   * Probability, in [0, 1], of the label that a sample shows, for one that is known to be poison: whose label is any but
   * the given one. The calibration is fitted by likelihood, so it is right about as often as it says.
   */
  confidenceOf(given: number, scores: ArrayLike<number>): number {
    const name = this.nameOf(scores);
    if (name === given) return 0;
    let sum = 0;
    for (let label = 0; label < scores.length; label++) {
      if (label !== given) sum += Math.exp(-marginOf(this.#calibration, label, name, scores));
    }
    return 1 / sum;
  }

  /**
   * Whether a sample of a flagged class can get the label that it shows: that is the given one, or nearly all samples
   * that leave for it by so much are poison.
   */
  isSure(given: number, scores: ArrayLike<number>): boolean {
    const name = this.nameOf(scores);
    const least = this.#sureFrom.get(given)?.[name] ?? Number.POSITIVE_INFINITY;
    return given === name || marginOf(this.#calibration, given, name, scores) >= least;
  }
}

function marginOf(
  { slopes, offsets }: Calibration,
  given: number,
  name: number,
  scores: ArrayLike<number>,
): number {
  // tables hold float32, records may hold more digits
  const scoreOf = (label: number) => slopes[label]! * Math.fround(scores[label]!) + offsets[label]!;
  return scoreOf(name) - scoreOf(given);
}

/** All samples but those of `targets` that show another label by a margin. */
function withoutLeaving(
  sample: LabelledScores,
  calibration: Calibration,
  targets: readonly number[],
): LabelledScores {
  if (targets.length === 0) return sample;
  const { classes, labels, scores } = sample;
  const rowOf = (n: number) => scores.subarray(n * classes, (n + 1) * classes);
  const kept = [...labels.keys()].filter((n) => {
    const given = labels[n]!;
    if (!targets.includes(given)) return true;
    const row = rowOf(n);
    return marginOf(calibration, given, calibratedLabel(calibration, row), row) <= LEAVES;
  });
  if (kept.length === 0 || kept.length === labels.length) return sample;
  const left = new Float32Array(kept.length * classes);
  kept.forEach((n, row) => {
    left.set(rowOf(n), row * classes);
  });
  return { classes, labels: Int32Array.from(kept, (n) => labels[n]!), scores: left };
}

/** Margins, falling, of the samples given one label that show another, from or to `targets`. */
function marginsOf(
  { classes, labels, scores }: LabelledScores,
  calibration: Calibration,
  targets: readonly number[],
): (given: number, name: number) => readonly number[] {
  const margins = new Map<number, number[]>();
  labels.forEach((given, n) => {
    const row = scores.subarray(n * classes, (n + 1) * classes);
    const name = calibratedLabel(calibration, row);
    if (given === name || !(targets.includes(given) || targets.includes(name))) return;
    const key = given * classes + name;
    if (!margins.has(key)) margins.set(key, []);
    margins.get(key)!.push(marginOf(calibration, given, name, row));
  });
  for (const some of margins.values()) some.sort((a, b) => b - a);
  return (given, name) => margins.get(given * classes + name) ?? [];
}

/**
 * The least margin down to which few of those that leave are honest, going down from the largest; infinite where that
 * holds for none. Honest ones are taken to be `HONEST_RATIO` times as many as arrive, by about the same margins and in
 * all, so that never more are sure than leave in excess.
 *
 * @param left    margins of those that leave, falling
 * @param arrived margins of those that come the other way
 */
function sureFrom(left: readonly number[], arrived: readonly number[]): number {
  const excess = Math.floor(left.length - HONEST_RATIO * arrived.length);
  let least = Number.POSITIVE_INFINITY;
  for (let end = Math.min(NEIGHBOURS, excess); end >= 1 && end <= excess; end++) {
    const begin = Math.max(0, end - NEIGHBOURS);
    const [low, high] = [left[end - 1]!, begin === 0 ? Number.POSITIVE_INFINITY : left[begin - 1]!];
    const honest = HONEST_RATIO * arrived.filter((margin) => margin >= low && margin < high).length;
    if (honest > MOST_HONEST * (end - begin)) break;
    least = low;
  }
  return least;
}
