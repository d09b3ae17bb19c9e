// Step 7's classifier: collects settled samples on disk as the stream delivers them, trains from scratch on
// them, and later fine-tunes with those that were settled with its help.

import type { Sample } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { Prediction } from '../defense/repair/repair.ts';
import type { Outcome } from '../errors.ts';
import type { ClassifierSpec } from '../networks/network.ts';
import type { BenignTrainer } from '../ports/runner.ts';
import type { Past, TrainingMemory, WarmMemory } from '../ports/training-memory.ts';
import type { SharedWeights } from '../weights/weights.ts';
import { classifyImages } from '../workers/classify.ts';
import type { Pool } from '../workers/pool.ts';
import { outcomeOf, pack } from '../workers/pool-runner.ts';
import type { NetworkRef } from '../workers/protocol.ts';
import type { ClassifierTraining, TrainingProgress } from './train-classifier.ts';
import { trainOnce } from './train-once.ts';
import { trainFurther, trainLast } from './train-warm.ts';

export interface BenignTraining {
  readonly spec: ClassifierSpec;
  /** From scratch, on the settled samples. */
  readonly training: ClassifierTraining;
  /** With the later ones added. */
  readonly fineTuning: ClassifierTraining;
  /** Empty; filled with every settled sample. */
  readonly store: SampleStore;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** Where trainings are remembered, so that none is done twice. */
  readonly memory?: TrainingMemory | undefined;
  /** Where given instead, the model of the last run is trained further. */
  readonly warm?: WarmMemory | undefined;
}

export class OnlineBenignTrainer implements BenignTrainer {
  readonly #pool: Pool;
  readonly #options: BenignTraining;
  #model: NetworkRef | undefined;
  #past: Past | undefined;
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
    await this.#options.warm?.learn(sample);
  }

  async finish(): Promise<void> {
    const { training, store } = this.#options;
    if (store.count === this.#learned || store.count < training.shards) return;
    this.#model = await this.#train(this.#model?.weights);
    this.#learned = store.count;
  }

  async #train(start: SharedWeights | undefined): Promise<NetworkRef> {
    const { spec, training, fineTuning, store, onProgress, memory, warm } = this.#options;
    const options = start ? fineTuning : training;
    const lesson = { spec, store, options, start };
    if (warm) {
      const means = { memory: warm, pool: this.#pool, onProgress };
      if (this.#past) return trainLast(means, lesson, this.#past);
      const { model, past } = await trainFurther(means, lesson, fineTuning);
      this.#past = past;
      return model;
    }
    return trainOnce(memory, this.#pool, lesson, onProgress);
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
