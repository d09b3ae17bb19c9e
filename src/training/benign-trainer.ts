// Step 7's classifier: collects settled samples on disk as the stream delivers them, trains from scratch on
// them, and later fine-tunes with those that were settled with its help.

import type { BenignTrainer } from '../../streams/runner.ts';
import type { Sample } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/sample-store.ts';
import type { Prediction } from '../defense/repair.ts';
import type { Outcome } from '../errors.ts';
import type { ClassifierSpec } from '../networks/network.ts';
import type { Pool } from '../workers/pool.ts';
import { outcomeOf, pack } from '../workers/pool-runner.ts';
import type { NetworkRef } from '../workers/protocol.ts';
import { classifyImages } from './classify.ts';
import type { ClassifierTraining, TrainingProgress } from './train-classifier.ts';
import { trainClassifier } from './train-classifier.ts';

export interface BenignTraining {
  readonly spec: ClassifierSpec;
  /** From scratch, on the settled samples. */
  readonly training: ClassifierTraining;
  /** With the later ones added. */
  readonly fineTuning: ClassifierTraining;
  /** Empty; filled with every settled sample. */
  readonly store: SampleStore;
  readonly onProgress?: (progress: TrainingProgress) => void;
}

export class OnlineBenignTrainer implements BenignTrainer {
  readonly #pool: Pool;
  readonly #options: BenignTraining;
  #model: NetworkRef | undefined;
  #learned = 0;

  constructor(pool: Pool, options: BenignTraining) {
    this.#pool = pool;
    this.#options = options;
  }

  /** The model as it is after the last `finish`; none where there was nothing to learn. */
  get model(): NetworkRef | undefined {
    return this.#model;
  }

  async add(sample: Sample): Promise<void> {
    this.#options.store.append(sample);
  }

  async finish(): Promise<void> {
    const { spec, training, fineTuning, store, onProgress } = this.#options;
    if (store.count === this.#learned || store.count < training.shards) return;
    const start = this.#model?.weights;
    const options = start ? fineTuning : training;
    this.#model = await trainClassifier(this.#pool, spec, { store }, options, onProgress, start);
    this.#learned = store.count;
  }

  async classify(batch: readonly Sample[]): Promise<Outcome<readonly Prediction[]>> {
    if (!this.#model) {
      const message =
        'expected settled samples to learn a benign model from, found none; every class is flagged';
      return { ok: false, failure: { code: 'untrained', message } };
    }
    const model = this.#model;
    const { pixels, shape } = pack(batch);
    return outcomeOf(() => classifyImages(this.#pool, model, pixels, shape));
  }
}
