// A bounded sample of what the observer thought of purified images, for what counts alone cannot tell: how the
// observer is to be calibrated. It holds the samples whose ids hash lowest, so that samples of windows, workers and
// machines merge to the very one of the whole dataset, in any order.

import { murmur3 } from '../math/random.ts';

/** Numbers that a sample may hold at most, whatever the number of classes: 16 MB. */
const CAPACITY = 4_000_000;
const MOST_SAMPLES = 50_000;

/** The observer's scores of one purified sample. */
export interface Scored {
  readonly id: string;
  /** The label that came with it. */
  readonly label: number;
  /** Place in the store of raw images, where there is one. */
  readonly index?: number;
  /** [C] log-probabilities, of the mean over the candidates. */
  readonly scores: ArrayLike<number>;
}

/** The sample as arrays, by rising hash. */
export interface ScoreTable {
  readonly classes: number;
  /** int32 [N] given labels. */
  readonly labels: Int32Array;
  /** float32 [N, C]. */
  readonly scores: Float32Array;
}

interface Ranked extends Scored {
  readonly rank: number;
}

const encoder = new TextEncoder();

export class ScoreSample {
  readonly classes: number;
  readonly #capacity: number;
  #kept: Ranked[] = [];

  /** @param capacity most samples to keep */
  constructor(classes: number, capacity = Math.min(MOST_SAMPLES, Math.ceil(CAPACITY / classes))) {
    this.classes = classes;
    this.#capacity = capacity;
  }

  add({ id, label, index, scores }: Scored): void {
    const rank = murmur3(encoder.encode(id), 0);
    this.#keep({ id, label, ...(index !== undefined && { index }), scores: Float32Array.from(scores), rank });
  }

  merge(other: ScoreSample): void {
    for (const scored of other.#kept) this.#keep(scored);
  }

  /** By rising hash. */
  get samples(): readonly Scored[] {
    this.#trim();
    return this.#kept;
  }

  table(): ScoreTable {
    const { samples, classes } = this;
    const scores = new Float32Array(samples.length * classes);
    samples.forEach((sample, n) => {
      scores.set(sample.scores, n * classes);
    });
    return { classes, labels: Int32Array.from(samples, ({ label }) => label), scores };
  }

  #keep(scored: Ranked): void {
    this.#kept.push(scored);
    if (this.#kept.length >= 2 * this.#capacity) this.#trim();
  }

  #trim(): void {
    this.#kept.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
    this.#kept.length = Math.min(this.#kept.length, this.#capacity);
  }
}
