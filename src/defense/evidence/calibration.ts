// Makes the observer fair on purified images. Purification drifts images towards a few classes, and an observer that
// never saw purified images then empties the others one way, as poison would. Vector scaling (Guo et al. 2017) learns
// a slope and an offset for each class from the purified images and the labels that came with them: what drifts is
// called by its given label again, while poison, whose trigger is gone, stays where its image belongs.

import { type Scaling, softmaxGradient } from '../../math/kernels.ts';
import type { LabelledScores } from './score-sample.ts';

/** What is learned: score′ = slope · score + offset, class by class. */
export type Calibration = Scaling;

/** Adam's settings; the loss is convex and its columns are standardised, so they are not delicate. */
const STEPS = 150;
const RATE = 0.1;

/** Samples that a class is taken to have at least, so that the label of a single one cannot outweigh the rest. */
const LEAST_WEIGHTED = 10;

/** Samples that it is fitted on at most: for its two numbers a class more say little, and the fit takes time of all. */
const MOST_FITTED = 20_000;

const fitted = new WeakMap<LabelledScores, Calibration>();

/**
 * The calibration on a table, whose order says nothing of its samples: on the first 20,000 of them. It is fitted once
 * for all who ask for that of this very table.
 */
export function calibrationOf(table: LabelledScores): Calibration {
  const found = fitted.get(table) ?? fitFirst(table);
  fitted.set(table, found);
  return found;
}

function fitFirst({ scores, labels, classes }: LabelledScores): Calibration {
  return fitCalibration(scores.subarray(0, MOST_FITTED * classes), labels.subarray(0, MOST_FITTED), classes);
}

/**
 * Fits by cross-entropy against the given labels, every class weighing the same, whatever its size.
 *
 * @param scores float32 [N, C], log-probabilities of purified images; N ≥ 1
 * @param labels int32 [N], the labels that came with them
 */
export function fitCalibration(scores: Float32Array, labels: Int32Array, classes: number): Calibration {
  const { means, deviations } = standardOf(scores, classes);
  const task = { classes, scores, labels, weights: weightsOf(labels, classes) };
  const theta = new Float64Array(2 * classes).fill(1, 0, classes);
  const [first, second] = [new Float64Array(2 * classes), new Float64Array(2 * classes)];
  for (let step = 1; step <= STEPS; step++) {
    const gradient = standardised(
      softmaxGradient(task, unstandardised(theta, means, deviations)),
      means,
      deviations,
    );
    const rate = RATE * 0.5 * (1 + Math.cos((Math.PI * step) / (STEPS + 1)));
    for (let i = 0; i < theta.length; i++) {
      first[i] = 0.9 * first[i]! + 0.1 * gradient[i]!;
      second[i] = 0.99 * second[i]! + 0.01 * gradient[i]! ** 2;
      const mean = first[i]! / (1 - 0.9 ** step);
      theta[i]! -= (rate * mean) / (Math.sqrt(second[i]! / (1 - 0.99 ** step)) + 1e-12);
    }
  }
  return unstandardised(theta, means, deviations);
}

/** The label with the largest calibrated score; of equals the first. */
export function calibratedLabel({ slopes, offsets }: Calibration, scores: ArrayLike<number>): number {
  let [best, largest] = [0, Number.NEGATIVE_INFINITY];
  for (let c = 0; c < slopes.length; c++) {
    const score = slopes[c]! * scores[c]! + offsets[c]!;
    if (score > largest) [best, largest] = [c, score];
  }
  return best;
}

/** [N] weights that give each class the same share, and sum to 1. */
function weightsOf(labels: Int32Array, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (const label of labels) counts[label]!++;
  const weights = Float64Array.from(labels, (label) => 1 / Math.max(counts[label]!, LEAST_WEIGHTED));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function standardOf(scores: Float32Array, classes: number) {
  const count = scores.length / classes;
  const means = new Float64Array(classes);
  const squares = new Float64Array(classes);
  for (let i = 0; i < scores.length; i++) {
    means[i % classes]! += scores[i]! / count;
    squares[i % classes]! += scores[i]! ** 2 / count;
  }
  const deviations = squares.map((square, c) => Math.sqrt(Math.max(square - means[c]! ** 2, 1e-6)));
  return { means, deviations };
}

/** A gradient by slopes and offsets as that by those of standardised scores: [slopes, offsets]. */
function standardised({ slopes, offsets }: Scaling, means: Float64Array, deviations: Float64Array) {
  const bySlope = slopes.map((slope, c) => (slope - means[c]! * offsets[c]!) / deviations[c]!);
  return [...bySlope, ...offsets];
}

/** Slopes and offsets of standardised scores as those of the scores themselves. */
function unstandardised(theta: Float64Array, means: Float64Array, deviations: Float64Array): Calibration {
  const classes = means.length;
  const slopes = theta.slice(0, classes).map((slope, c) => slope / deviations[c]!);
  return { slopes, offsets: theta.slice(classes).map((offset, c) => offset - slopes[c]! * means[c]!) };
}
