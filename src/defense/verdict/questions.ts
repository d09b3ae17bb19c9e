// What the tests ask of the networks. Who answers, on which threads and in what batches, is not theirs to know: a stage
// of the stream implements this, and tests of the tests answer by hand.

import type { Residuals } from '../evidence/residuals.ts';
import type { Scored } from '../evidence/score-sample.ts';
import type { CanaryFinding } from './canary.ts';
import type { Named, Purified } from './placebo.ts';
import type { Stamp } from './stamp.ts';

/** Asks an observer for the labels of images, with a stamp where there is one; in the order of the images. */
export type LabelsWith = (images: readonly Scored[], stamp?: Stamp) => Promise<readonly number[]>;

/** What became of canaries: images with triggers of ours. */
export interface Canaries {
  /** One a kind. */
  readonly findings: readonly CanaryFinding[];
  /** Where the observer was taught them. */
  readonly taught?: Taught | undefined;
}

export interface Taught {
  /** Kinds in the order of their labels, which follow those of the dataset. */
  readonly kinds: readonly string[];
  /** Copies of each kind that it was taught with. */
  readonly copies: readonly number[];
  /** What purification removed from some of the copies, by their labels. */
  readonly residuals: Residuals;
  /** Asks the observer with the labels of the kinds among its own. */
  readonly labelsWith: LabelsWith;
}

export interface Questions {
  /** The first samples, by rising hash, whose raw images the observer calls by their label. */
  known(most: number): Promise<readonly Scored[]>;
  readonly labelsWith: LabelsWith;
  /** Samples of a class, in random order: at most so many. */
  samplesOf(label: number, most: number): readonly Named[];
  /** Samples of a class, in random order, purified again: at most so many, and fewer where images are large. */
  purifiedAgain(label: number, most: number): Promise<readonly Purified[]>;
  /** Another observer, that learns the dataset with so few samples left of some classes, by label. */
  refitted(left: ReadonlyMap<number, readonly Scored[]>): Promise<LabelsWith>;
  canaries(): Promise<Canaries>;
}
