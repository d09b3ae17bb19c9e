// Learns to tell images that carry a trigger from others, by networks of two classes. Two are trained, each on half of
// the examples, and each judges the images of the other half: what a network has learned by heart says nothing about
// the image (cross-fitting, as in Northcutt et al. 2021, "Confident learning").

import type { Sample } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import { hashOf } from '../math/random.ts';
import type { ClassifierSpec } from '../networks/network.ts';
import type { CarrierLearner, Placed } from '../ports/runner.ts';
import type { TrainingMemory } from '../ports/training-memory.ts';
import { classifyImages } from '../workers/classify.ts';
import type { Pool } from '../workers/pool.ts';
import { outcomeOf, pack } from '../workers/pool-runner.ts';
import type { NetworkRef } from '../workers/protocol.ts';
import type { ClassifierTraining, TrainingProgress, TrainingSet } from './train-classifier.ts';
import { trainOnce } from './train-once.ts';

const FOLDS = 2;

/** Steps of a training, about: examples are few, and a faint trigger takes its time. */
const STEPS = 300;

/** The class of examples that carry the trigger. */
const CARRIES = 1;

export interface CarrierLearning {
  /** Of two classes. */
  readonly spec: ClassifierSpec;
  /** But for the number of epochs. */
  readonly training: ClassifierTraining;
  /** Where trainings are remembered, so that none is done twice. */
  readonly memory?: TrainingMemory | undefined;
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

export class PoolCarrierLearner implements CarrierLearner {
  readonly #pool: Pool;
  readonly #learning: CarrierLearning;

  constructor(pool: Pool, learning: CarrierLearning) {
    this.#pool = pool;
    this.#learning = learning;
  }

  async learn(store: SampleStore, carriers: readonly Placed[], others: readonly Placed[]) {
    const networks: NetworkRef[] = [];
    for (let fold = 0; fold < FOLDS; fold++) {
      const outside = ({ id }: Placed) => foldOf(id) !== fold;
      networks.push(await this.#train(balanced(store, carriers.filter(outside), others.filter(outside))));
    }
    return (batch: readonly Sample[]) => outcomeOf(() => this.#judge(networks, batch));
  }

  #train(examples: TrainingSet['store']): Promise<NetworkRef> {
    const { spec, training, memory, onProgress } = this.#learning;
    const stepsPerEpoch = Math.max(1, Math.floor(examples.count / training.batch));
    const options = { ...training, epochs: Math.ceil(STEPS / stepsPerEpoch) };
    return trainOnce(memory, this.#pool, { spec, store: examples, options }, onProgress);
  }

  async #judge(networks: readonly NetworkRef[], batch: readonly Sample[]): Promise<readonly number[]> {
    const probabilities = new Array<number>(batch.length);
    for (const [fold, network] of networks.entries()) {
      const own = [...batch.keys()].filter((n) => foldOf(batch[n]!.id) === fold);
      if (own.length === 0) continue;
      const { pixels, shape } = pack(own.map((n) => batch[n]!));
      const predictions = await classifyImages(this.#pool, network, pixels, shape);
      predictions.forEach(({ label, confidence }, i) => {
        probabilities[own[i]!] = label === CARRIES ? confidence : 1 - confidence;
      });
    }
    return probabilities;
  }
}

function foldOf(id: string): number {
  return hashOf(id, FOLDS) % FOLDS;
}

/** Examples as a trainer reads them, with the fewer kind repeated until there are as many of it. */
function balanced(
  store: SampleStore,
  carriers: readonly Placed[],
  others: readonly Placed[],
): TrainingSet['store'] {
  const most = Math.max(carriers.length, others.length);
  const repeated = (some: readonly Placed[]) =>
    Array.from({ length: some.length && most }, (_, n) => some[n % some.length]!.index);
  const [carry, rest] = [repeated(carriers), repeated(others)];
  const indices = [...carry, ...rest];
  return {
    count: indices.length,
    read: (some) => {
      const wanted = Array.from(some);
      const { pixels } = store.read(wanted.map((n) => indices[n]!));
      return { pixels, labels: Int32Array.from(wanted, (n) => (n < carry.length ? CARRIES : 0)) };
    },
  };
}
