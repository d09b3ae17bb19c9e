// The training loop: draws batches, lets the workers compute each shard's gradients and then update ranges of
// the weights. A batch always has the same shards, whatever the number of workers, and gradients are summed in
// the order of the shards, so that the result does not depend on how many cores there are.

import { sizeOf } from '../graph/graph.ts';
import type { NetworkSpec } from '../networks/network.ts';
import type { SharedWeights } from '../weights/weights.ts';
import type { GradientTask, TrainingJob, TrainingPool } from '../workers/protocol.ts';
import { newWriteNote } from '../workers/shared-write.ts';
import { trainingOrder } from './steps/initial-weights.ts';

export interface TrainingShape {
  readonly shards: number;
  readonly shardSize: number;
  readonly rule: 'sgd' | 'adam';
}

/** Learning rate at step `step` of `steps` as torch's CosineAnnealingLR gives it when stepped every batch. */
export function cosineRate(peak: number, step: number, steps: number): number {
  return (peak * (1 + Math.cos((Math.PI * step) / steps))) / 2;
}

let jobs = 0;

/** Memory and steps of one training run. */
export class Trainer {
  readonly job: TrainingJob;
  readonly #pool: TrainingPool;

  /**
   * @param weights packed in training order (`initialWeights`); changed in place by every step
   */
  constructor(pool: TrainingPool, spec: NetworkSpec, weights: SharedWeights, shape: TrainingShape) {
    this.#pool = pool;
    const trained = trainingOrder(spec)
      .filter((parameter) => parameter.trained)
      .reduce((total, parameter) => total + sizeOf(parameter.shape), 0);
    const shared = (length: number) => new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT);
    const length = weights.values.byteLength / Float32Array.BYTES_PER_ELEMENT;
    this.job = {
      id: `training ${jobs++}`,
      spec,
      ...shape,
      weights,
      trained,
      gradients: Array.from({ length: shape.shards }, () => shared(length)),
      state: Array.from({ length: shape.rule === 'sgd' ? 1 : 3 }, () => shared(trained)),
    };
  }

  /**
   * One step: gradients of all shards, then the update.
   *
   * @param shards the batch's data, one entry a shard
   * @param hyper the update rule's numbers, as `step-graphs.ts` lists them
   * @param statisticsMomentum weight of this batch in the running statistics
   * @returns mean loss of the shards, before the update
   */
  async step(
    shards: readonly GradientTask['data'][],
    hyper: Float32Array,
    statisticsMomentum = 0.1,
  ): Promise<number> {
    const { job } = this;
    const losses = await Promise.all(
      shards.map((data, shard) => this.#pool.gradient({ kind: 'gradient', job, shard, data })),
    );
    const length = job.weights.values.byteLength / Float32Array.BYTES_PER_ELEMENT;
    const update = (from: number, to: number, numbers: Float32Array) =>
      this.#pool.update({ kind: 'update', job, from, to, hyper: numbers, note: newWriteNote() });
    const updates = ranges(job.trained, this.#pool.workers).map(([from, to]) => update(from, to, hyper));
    if (length > job.trained) updates.push(update(job.trained, length, Float32Array.of(statisticsMomentum)));
    await Promise.all(updates);
    return losses.reduce((total, loss) => total + loss, 0) / losses.length;
  }
}

/** Splits [0, length) into at most `parts` ranges. */
function ranges(length: number, parts: number): [from: number, to: number][] {
  const size = Math.ceil(length / parts);
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => [
    i * size,
    Math.min(length, (i + 1) * size),
  ]);
}
