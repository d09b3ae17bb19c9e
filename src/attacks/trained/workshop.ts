// What trained attacks work with: clean images, a classifier trained on them that stays as it is, and an engine. Also
// the pieces that several of them share: batches drawn by step, the classifier's loss, and a stamp which is the
// output of a network.

import type { ImageShape, Sample } from '../../datasets/sample.ts';
import type { SampleStore, StoredBatch } from '../../datasets/store/sample-store.ts';
import type { GraphBuilder, Tensor } from '../../graph/graph.ts';
import * as op from '../../graph/operators.ts';
import { toBytes, toUnit } from '../../math/pixels.ts';
import { RandomStream, randomKey } from '../../math/random.ts';
import type { ClassifierSpec } from '../../networks/network.ts';
import type { Engine, Executable, NamedArrays } from '../../runtime/executor.ts';
import type { Weights } from '../../weights/weights.ts';

/** Images of one shard of a step; two shards are a step. */
export const SHARD = 32;
/** Images that a stamping network gets at a time. */
const STAMP_BATCH = 64;

/** A trained classifier whose weights do not change any more. */
export interface Surrogate {
  readonly spec: ClassifierSpec;
  readonly weights: Weights;
}

/** Clean labelled images of one shape. */
export type Images = Pick<SampleStore, 'read' | 'count' | 'shape'>;

/** What all trained attacks ask for. */
export interface Workshop {
  readonly engine: Engine;
  readonly images: Images;
  /** Training steps of a generator, an encoder or a pattern. */
  readonly steps: number;
  readonly seed: number;
  readonly onStep?: (step: number, loss: number) => void;
}

/** Draws a batch with replacement. It depends on its arguments alone. */
export function drawBatch(
  { images, seed }: Workshop,
  purpose: string,
  step: number,
  shard: number,
): StoredBatch {
  const random = new RandomStream(randomKey(seed, purpose), step, shard);
  return images.read(Array.from({ length: SHARD }, () => random.integer(images.count)));
}

/** Rows of zeros with a one at each label: float32 [N, classes]. */
export function oneHot(labels: ArrayLike<number>, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) rows[i * classes + labels[i]!] = 1;
  return rows;
}

/** Mean cross-entropy of logits [N, classes] to target distributions of the same shape. */
export function crossEntropy(g: GraphBuilder, logits: Tensor, targets: Tensor): Tensor {
  const logLikelihood = op.sum(g, op.mul(g, op.logSoftmax(g, logits), targets), [0, 1]);
  return op.mul(g, logLikelihood, g.scalar(-1 / logits.shape[0]!));
}

/** A batch of samples of one shape as float32 [N, C, H, W] in [−1, 1]. */
export function toBatch(samples: readonly Pick<Sample, 'pixels'>[], shape: ImageShape): Float32Array {
  const size = shape[0] * shape[1] * shape[2];
  const batch = new Float32Array(samples.length * size);
  samples.forEach(({ pixels }, n) => {
    toUnit(pixels, batch.subarray(n * size, (n + 1) * size));
  });
  return batch;
}

/** The images of a batch [N, C, H, W] in [−1, 1] as bytes. */
export function toImages(batch: Float32Array, shape: ImageShape): Uint8Array[] {
  const size = shape[0] * shape[1] * shape[2];
  return Array.from({ length: batch.length / size }, (_, n) =>
    toBytes(batch.subarray(n * size, (n + 1) * size)),
  );
}

/**
 * Stamps samples with a network, some at a time.
 *
 * @param executable takes what `feeds` gives and puts out `stamped` [N, C, H, W] in [−1, 1]; any batch
 */
export async function stampAll(
  executable: Executable,
  samples: readonly Sample[],
  shape: ImageShape,
  feeds: (part: readonly Sample[]) => NamedArrays,
): Promise<Uint8Array[]> {
  const parts = Array.from({ length: Math.ceil(samples.length / STAMP_BATCH) }, (_, i) =>
    samples.slice(i * STAMP_BATCH, (i + 1) * STAMP_BATCH),
  );
  const stamped = await Promise.all(parts.map((part) => executable.run(feeds(part))));
  return stamped.flatMap((outputs) => toImages(outputs.stamped!, shape));
}
