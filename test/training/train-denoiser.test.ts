import { describe, expect, it } from 'vitest';
import type { DenoiserCheckpoint } from '../../src/training/train-denoiser.ts';
import { trainDenoiser } from '../../src/training/train-denoiser.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { testPool } from '../support/pools.ts';
import { shapesStore } from '../support/stores.ts';
import { tinyDenoiser as spec } from '../support/tiny-models.ts';

const options = {
  steps: 6,
  batch: 8,
  shards: 2,
  learningRate: 2e-3,
  warmup: 2,
  emaDecay: 0.9,
  depth: 200,
  seed: 3,
};

function bytes(weights: Weights): Buffer {
  return Buffer.concat([...weights.values()].map(({ data }) => Buffer.from(Float32Array.from(data).buffer)));
}

describe('trainDenoiser', () => {
  it('gives the same weights when it was cut off and continued, and with one worker or two', async () => {
    const store = shapesStore(32);
    const whole = await trainDenoiser(testPool(1), spec, store, options);
    const pool = testPool(2);
    let saved: DenoiserCheckpoint | undefined;
    const save = async ({ step, vectors }: DenoiserCheckpoint) => {
      if (step !== 3) return;
      const copies = [...vectors].map(
        ([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const,
      );
      saved = { step, vectors: new Map(copies) };
    };
    await trainDenoiser(pool, spec, store, options, { checkpoint: { every: 3, save } });
    const continued = await trainDenoiser(pool, spec, store, options, { resume: saved! });
    expect(bytes(continued).equals(bytes(whole))).toBe(true);
  });

  it('learns to predict the noise', async () => {
    const losses: number[] = [];
    await trainDenoiser(
      testPool(2),
      spec,
      shapesStore(64, 'denoiser'),
      { ...options, steps: 60, batch: 16 },
      {
        onProgress: ({ loss }) => losses.push(loss),
      },
    );
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    // predicting nothing gives 1, the variance of the noise
    expect(mean(losses.slice(-10))).toBeLessThan(0.8 * mean(losses.slice(0, 10)));
  });
});
