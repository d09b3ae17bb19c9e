// Who a sample of a flagged class really is: the calibrated observer's label of its purified images, and whether that
// can be acted on. Samples leave a flagged class as poison that goes home and as honest confusions; where far more
// leave for a label than come from it, nearly all of them are poison, where the flow goes both ways nobody can tell.

import { type Calibration, calibratedLabel, fitCalibration } from './calibration.ts';
import { countFlows, type FlowTable, HONEST_RATIO } from './flow-test.ts';
import type { ScoreTable } from './score-sample.ts';

/** Share of the samples on their way from one label to another that must be poison to relabel them. */
const SURE = 0.75;

export class Naming {
  readonly #calibration: Calibration;
  readonly #flows: FlowTable;

  /** @param sample at least one sample */
  constructor(sample: ScoreTable) {
    this.#calibration = fitCalibration(sample.scores, sample.labels, sample.classes);
    this.#flows = countFlows(sample, this.#calibration);
  }

  /** The label that a sample's purified images show. @param scores [C], as the records hold them */
  nameOf(scores: ArrayLike<number>): number {
    return calibratedLabel(this.#calibration, scores);
  }

  /** Log-odds of the label that a sample shows against the given one; 0 where they are the same. */
  weightOf(given: number, scores: ArrayLike<number>): number {
    const { slopes, offsets } = this.#calibration;
    const scoreOf = (label: number) => slopes[label]! * scores[label]! + offsets[label]!;
    return scoreOf(this.nameOf(scores)) - scoreOf(given);
  }

  /** Estimated share of poison among the samples given one label that show another; in [0, 1]. */
  poisonShare(given: number, name: number): number {
    const { classes, counts } = this.#flows;
    const left = counts[given * classes + name]!;
    if (given === name || left === 0) return 0;
    return Math.max(0, 1 - (HONEST_RATIO * counts[name * classes + given]!) / left);
  }

  /** Whether a sample can get the label that it shows: it is the given one, or nearly all such samples are poison. */
  isSure(given: number, name: number): boolean {
    return given === name || this.poisonShare(given, name) >= SURE;
  }
}
