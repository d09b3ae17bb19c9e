// Trains a classifier on a store of labelled images: SGD with momentum, weight decay and a cosine learning rate,
// as the backdoor literature does. The observer, the benign model and the clean baseline are all trained here.

import type { SampleStore } from '../datasets/store/sample-store.ts';
import { DatasetError } from '../errors.ts';
import { RandomStream, randomKey } from '../math/random.ts';
import type { ClassifierSpec } from '../networks/network.ts';
import type { ClassifierCheckpoint } from '../ports/training-memory.ts';
import type { SharedWeights } from '../weights/weights.ts';
import { packWeights } from '../weights/weights.ts';
import type { LabelledShard, NetworkRef, TrainingPool } from '../workers/protocol.ts';
import { initialWeights } from './steps/initial-weights.ts';
import { cosineRate, Trainer } from './trainer.ts';

export interface ClassifierTraining {
  /** Passes over the training set; where left out, `FEW_EPOCHS`, or as many as make `LEAST_STEPS`. */
  readonly epochs?: number | undefined;
  /** Samples a step; fewer when the store holds fewer. */
  readonly batch: number;
  /** Parts that a batch is computed in, whatever the number of workers; batch statistics are a part's own. */
  readonly shards: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  /** Key of the initial weights and of the order of samples. */
  readonly seed: number;
}

export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
}

/** Which samples of the store to train on; all of them when left out. */
export interface TrainingSet {
  readonly store: Pick<SampleStore, 'read' | 'count'>;
  readonly indices?: Uint32Array;
}

/** Where a training goes on from, and where it leaves what it needs for that. */
export interface ClassifierCheckpoints {
  readonly resume: ClassifierCheckpoint | undefined;
  /** Called after each epoch but the last; the arrays change after it has resolved. */
  readonly save: (checkpoint: ClassifierCheckpoint) => Promise<void>;
}

/**
 * Epochs where nobody says, and steps that they must make. Of 2,000 photographs ten epochs are 150 steps, in which a
 * classifier had learned a logo on 5 % of them to 14 %: no test can find in an observer what it has not learned.
 */
const FEW_EPOCHS = 10;
const LEAST_STEPS = 600;

let models = 0;

/** A model reference of its own for weights that will not change any more. */
export function modelOf(spec: ClassifierSpec, weights: SharedWeights): NetworkRef {
  return { kind: 'network', id: `classifier ${models++}`, spec, weights };
}

/**
 * Trains from scratch, or further from `start` (which is changed in place).
 *
 * @throws {DatasetError} when there are fewer samples than shards
 */
export async function trainClassifier(
  pool: TrainingPool,
  spec: ClassifierSpec,
  { store, indices = Uint32Array.from({ length: store.count }, (_, i) => i) }: TrainingSet,
  options: ClassifierTraining,
  onProgress: (progress: TrainingProgress) => void = () => undefined,
  start?: SharedWeights,
  checkpoints?: ClassifierCheckpoints,
): Promise<NetworkRef> {
  const shardSize = Math.floor(Math.min(options.batch, indices.length) / options.shards);
  if (shardSize === 0) {
    throw new DatasetError(
      `expected at least ${options.shards} samples to train on, found ${indices.length}`,
    );
  }
  const weights = start ?? packWeights(initialWeights(spec, options.seed));
  const trainer = new Trainer(pool, spec, weights, { shards: options.shards, shardSize, rule: 'sgd' });
  const batch = shardSize * options.shards;
  const stepsPerEpoch = Math.floor(indices.length / batch);
  const { epochs = Math.max(FEW_EPOCHS, Math.ceil(LEAST_STEPS / stepsPerEpoch)) } = options;
  const steps = epochs * stepsPerEpoch;
  const order = indices.slice();
  const live = {
    weights: new Float32Array(weights.values),
    momentum: new Float32Array(trainer.job.state[0]!),
  };
  const { resume } = checkpoints ?? {};
  if (resume) {
    live.weights.set(resume.weights);
    live.momentum.set(resume.momentum);
  }
  for (let step = 0; step < steps; step++) {
    const within = step % stepsPerEpoch;
    if (within === 0) new RandomStream(randomKey(options.seed, 'order'), step).shuffle(order);
    // a training that goes on shuffles as often as if it had never stopped
    if (resume && step < resume.step) continue;
    const shards = Array.from({ length: options.shards }, (_, shard) => {
      const from = within * batch + shard * shardSize;
      const { pixels, labels } = store.read(order.subarray(from, from + shardSize));
      return labelledShard(pixels, labels, spec.config.classes);
    });
    const rate = cosineRate(options.learningRate, step, steps);
    const loss = await trainer.step(shards, Float32Array.of(rate, options.momentum, options.weightDecay));
    onProgress({ step: step + 1, steps, loss });
    if (within === stepsPerEpoch - 1 && step + 1 < steps)
      await checkpoints?.save({ step: step + 1, ...live });
  }
  return modelOf(spec, weights);
}

function labelledShard(pixels: Uint8Array, labels: Int32Array, classes: number): LabelledShard {
  const targets = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => {
    targets[i * classes + label] = 1;
  });
  return { kind: 'labelled', x: pixels, targets };
}
