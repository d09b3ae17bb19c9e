// Trains a noise predictor on a store of images (labels are not used): Adam, a warm-up and a cosine decay of the
// learning rate, and an exponential moving average of the weights, which is the result. Only the steps of the
// schedule that the purifier visits are trained. A run can be cut off and continued from its checkpoint.

import type { SampleStore } from '../datasets/store/sample-store.ts';
import { DatasetError } from '../errors.ts';
import { RandomStream, randomKey } from '../math/random.ts';
import type { DenoiserSpec } from '../networks/network.ts';
import type { Weights } from '../weights/weights.ts';
import { packWeights, unpackWeights } from '../weights/weights.ts';
import type { TrainingPool } from '../workers/protocol.ts';
import { initialWeights, trainingOrder } from './steps/initial-weights.ts';
import type { TrainingProgress } from './train-classifier.ts';
import { cosineRate, Trainer } from './trainer.ts';

export interface DenoiserTraining {
  readonly steps: number;
  readonly batch: number;
  readonly shards: number;
  readonly learningRate: number;
  /** Steps over which the learning rate rises from 0. */
  readonly warmup: number;
  /** Decay of the moving average; it starts lower, as (1 + step) / (10 + step). */
  readonly emaDecay: number;
  /** Schedule steps trained: [0, depth). */
  readonly depth: number;
  readonly seed: number;
}

/** Everything that a continued run needs, by the names `weights`, `first`, `second`, `average`; flat. */
export interface DenoiserCheckpoint {
  readonly step: number;
  readonly vectors: Weights;
}

export interface DenoiserRun {
  /** Start here instead of from fresh weights. */
  readonly resume?: DenoiserCheckpoint;
  /** Called every `every` steps with the state after them. */
  readonly checkpoint?: {
    readonly every: number;
    readonly save: (state: DenoiserCheckpoint) => Promise<void>;
  };
  readonly onProgress?: (progress: TrainingProgress) => void;
}

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

/**
 * @returns the averaged weights by name
 * @throws {DatasetError} when there are fewer samples than shards
 */
export async function trainDenoiser(
  pool: TrainingPool,
  spec: DenoiserSpec,
  store: Pick<SampleStore, 'read' | 'count'>,
  options: DenoiserTraining,
  run: DenoiserRun = {},
): Promise<Weights> {
  const shardSize = Math.floor(Math.min(options.batch, store.count) / options.shards);
  if (shardSize === 0) {
    throw new DatasetError(`expected at least ${options.shards} images to train on, found ${store.count}`);
  }
  const weights = packWeights(initialWeights(spec, options.seed));
  const trainer = new Trainer(pool, spec, weights, { shards: options.shards, shardSize, rule: 'adam' });
  const vectors = flatVectors(trainer);
  vectors.get('average')!.data.set(vectors.get('weights')!.data);
  for (const [name, { data }] of run.resume?.vectors ?? []) vectors.get(name)?.data.set(data);
  for (let step = run.resume?.step ?? 0; step < options.steps; step++) {
    const shards = Array.from({ length: options.shards }, (_, shard) => {
      const draw = new RandomStream(randomKey(options.seed, 'denoiser images'), step, shard);
      const chosen = Uint32Array.from({ length: shardSize }, () => draw.integer(store.count));
      const { pixels } = store.read(chosen);
      return {
        kind: 'noisy' as const,
        pixels,
        count: shardSize,
        seed: options.seed,
        step,
        depth: options.depth,
      };
    });
    const loss = await trainer.step(shards, adamNumbers(options, step));
    run.onProgress?.({ step: step + 1, steps: options.steps, loss });
    if (run.checkpoint && (step + 1) % run.checkpoint.every === 0) {
      await run.checkpoint.save({ step: step + 1, vectors });
    }
  }
  const average = { ...weights, values: trainer.job.state[2]! };
  return unpackWeights(average, trainingOrder(spec));
}

/** The six numbers of `adamUpdate` at a step. */
function adamNumbers(options: DenoiserTraining, step: number): Float32Array {
  const warm = Math.min(1, (step + 1) / options.warmup);
  const rate = warm * cosineRate(options.learningRate, step, options.steps);
  const decay = Math.min(options.emaDecay, (1 + step) / (10 + step));
  return Float32Array.of(
    rate / (1 - BETA1 ** (step + 1)),
    BETA1,
    BETA2,
    1 / (1 - BETA2 ** (step + 1)),
    EPSILON,
    decay,
  );
}

/** Live views of the weights and of Adam's state. */
function flatVectors({ job }: Trainer): Weights {
  const memories = {
    weights: job.weights.values,
    first: job.state[0]!,
    second: job.state[1]!,
    average: job.state[2]!,
  };
  return new Map(
    Object.entries(memories).map(([name, memory]) => {
      const data = new Float32Array(memory);
      return [name, { shape: [data.length], data }];
    }),
  );
}
