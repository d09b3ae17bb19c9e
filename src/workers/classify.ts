// A trained classifier's answers: labels with their probabilities for images, and for whole stores, in batches
// spread over the pool.

import type { ImageShape } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { Prediction } from '../defense/repair/repair.ts';
import type { Pool } from './pool.ts';
import type { ClassifierRef } from './protocol.ts';

const BATCH = 256;

/** @param pixels uint8 [N, C, H, W]; @returns one prediction an image */
export async function classifyImages(
  pool: Pool,
  model: ClassifierRef,
  pixels: Uint8Array,
  shape: ImageShape,
): Promise<Prediction[]> {
  const count = pixels.length / (shape[0] * shape[1] * shape[2]);
  const { probabilities } = await pool.run<'classify'>({ kind: 'classify', model, shape, pixels });
  const classes = probabilities.length / count;
  return Array.from({ length: count }, (_, n) => {
    const row = probabilities.subarray(n * classes, (n + 1) * classes);
    const confidence = row.reduce((most, value) => Math.max(most, value), 0);
    return { label: row.indexOf(confidence), confidence };
  });
}

/** Labels of a whole store, in its order. */
export async function classifyStore(
  pool: Pool,
  model: ClassifierRef,
  store: SampleStore,
): Promise<Int32Array> {
  const labels = new Int32Array(store.count);
  const worker = async (first: number) => {
    for (let at = first; at < store.count; at += BATCH * pool.workers) {
      const indices = Array.from({ length: Math.min(BATCH, store.count - at) }, (_, i) => at + i);
      const predictions = await classifyImages(pool, model, store.read(indices).pixels, store.shape);
      labels.set(
        predictions.map(({ label }) => label),
        at,
      );
    }
  };
  await Promise.all(Array.from({ length: pool.workers }, (_, i) => worker(i * BATCH)));
  return labels;
}
