// The training half of a worker: computes one shard's gradients, or updates one range of the weights, on
// whatever engine the pool was made with. It sees no shared memory: numbers come with the work and leave with the result.

import { addNoise } from '../diffusion/forward.ts';
import { EngineError } from '../errors.ts';
import { sizeOf } from '../graph/graph.ts';
import { toUnit } from '../math/pixels.ts';
import { fillNormal, RandomStream, randomKey } from '../math/random.ts';
import { linearSchedule } from '../math/schedule.ts';
import { imageShape } from '../networks/network.ts';
import type { Engine, Executable, NamedArrays } from '../runtime/executor.ts';
import { trainingOrder } from '../training/steps/initial-weights.ts';
import {
  adamUpdate,
  GRADIENT,
  lossStep,
  runningAverageUpdate,
  sgdUpdate,
} from '../training/steps/step-graphs.ts';
import type {
  GradientWork,
  JobLayout,
  LabelledShard,
  NoisyShard,
  ShardGradient,
  UpdateWork,
} from './protocol.ts';

/** What a worker keeps of a job between its steps. */
interface LoadedJob {
  readonly step: Executable;
  /** The worker's own copies, flat, and views of them by name. */
  readonly weights: Float32Array;
  readonly gradients: Float32Array;
  /** Input images of the step, filled anew each time: fresh arrays would pile up faster than they are collected. */
  readonly images: Float32Array;
  readonly feeds: NamedArrays;
  readonly into: NamedArrays;
}

export class TrainingHost {
  readonly #engine: Engine;
  readonly #updates = new Map<string, Promise<Executable>>();
  #job: { readonly id: string; readonly loaded: Promise<LoadedJob> } | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async gradient({ job, weights, shard, data }: GradientWork): Promise<ShardGradient> {
    const loaded = await this.#load(job, weights.length);
    loaded.weights.set(weights);
    const inputs =
      data.kind === 'labelled' ? labelled(loaded.images, data) : noised(loaded.images, data, shard);
    const { loss } = await loaded.step.run({ ...loaded.feeds, ...inputs }, loaded.into);
    return { loss: loss![0]!, gradients: loaded.gradients };
  }

  async update({ rule, shards, feeds }: UpdateWork): Promise<NamedArrays> {
    return (await this.#loadUpdate(rule, shards)).run(feeds);
  }

  /** Loads a job, and forgets the one before: a worker trains one network at a time. */
  async #load(job: JobLayout, length: number): Promise<LoadedJob> {
    if (this.#job?.id !== job.id) {
      const previous = this.#job;
      this.#job = { id: job.id, loaded: this.#open(job, length) };
      await (await previous?.loaded)?.step.dispose();
    }
    return this.#job.loaded;
  }

  /** @param length of its weights */
  async #open(job: JobLayout, length: number): Promise<LoadedJob> {
    const step = await this.#engine.load(lossStep(job.spec, job.shardSize));
    const [weights, gradients] = [new Float32Array(length), new Float32Array(length)];
    const feeds: Record<string, Float32Array> = {};
    const into: Record<string, Float32Array> = {};
    const offsets = new Map(job.names.map((name, i) => [name, job.offsets[i]!]));
    for (const { name, shape, trained } of trainingOrder(job.spec)) {
      const offset = offsets.get(name);
      if (offset === undefined) throw new EngineError(`training job ${job.id} shares no weight ${name}`);
      if (trained) feeds[name] = weights.subarray(offset, offset + sizeOf(shape));
      into[`${GRADIENT}${name}`] = gradients.subarray(offset, offset + sizeOf(shape));
    }
    const images = new Float32Array(job.shardSize * sizeOf(imageShape(job.spec)));
    return { step, weights, gradients, images, feeds, into };
  }

  #loadUpdate(rule: UpdateWork['rule'], shards: number): Promise<Executable> {
    const key = `${rule}/${shards}`;
    const build = { sgd: sgdUpdate, adam: adamUpdate, average: runningAverageUpdate }[rule];
    const loaded = this.#updates.get(key) ?? this.#engine.load(build(shards), { anyBatch: true });
    this.#updates.set(key, loaded);
    return loaded;
  }
}

/** Classification inputs; fills `x`. */
function labelled(x: Float32Array, data: LabelledShard): Record<string, Float32Array> {
  if (data.x instanceof Uint8Array) toUnit(data.x, x);
  else x.set(data.x);
  return { x, y: data.targets };
}

/** Noise-prediction inputs: each image at its own uniformly drawn step of the schedule below `depth`; fills `x`. */
function noised(
  x: Float32Array,
  { pixels, count, seed, step, depth }: NoisyShard,
  shard: number,
): Record<string, Float32Array> {
  const { alphaBars } = linearSchedule();
  toUnit(pixels, x);
  const noise = new Float32Array(x.length);
  fillNormal(noise, randomKey(seed, 'denoiser noise'), step, shard);
  const steps = new RandomStream(randomKey(seed, 'denoiser steps'), step, shard);
  const t = Float32Array.from({ length: count }, () => steps.integer(depth));
  const size = x.length / count;
  t.forEach((index, i) => {
    const image = x.subarray(i * size, (i + 1) * size);
    addNoise(image, image, noise.subarray(i * size, (i + 1) * size), alphaBars[index]!);
  });
  return { x, t, noise };
}
