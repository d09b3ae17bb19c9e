import { describe, expect, it } from 'vitest';
import type { ClassifierSpec } from '../../src/networks/network.ts';
import { trainClassifier } from '../../src/training/train-classifier.ts';
import { classifyStore } from '../../src/workers/classify.ts';
import { testPool } from '../support/pools.ts';
import { shapesStore } from '../support/stores.ts';
import { tinyTraining as options } from '../support/tiny-models.ts';

const spec: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: [3, 32, 32], classes: 10, widths: [8, 16, 32] },
};

describe('trainClassifier', () => {
  it('gives the same weights with one worker and with two', async () => {
    const store = shapesStore(128);
    const one = await trainClassifier(testPool(1), spec, { store }, options);
    const two = await trainClassifier(testPool(2), spec, { store }, options);
    expect(Buffer.from(one.weights.values).equals(Buffer.from(two.weights.values))).toBe(true);
  });

  it('depends on the seed', async () => {
    const store = shapesStore(64);
    const pool = testPool(1);
    const one = await trainClassifier(pool, spec, { store }, options);
    const other = await trainClassifier(pool, spec, { store }, { ...options, seed: 8 });
    expect(Buffer.from(one.weights.values).equals(Buffer.from(other.weights.values))).toBe(false);
  });

  it('learns: well above chance on images that it has not seen', async () => {
    const pool = testPool(2);
    const losses: number[] = [];
    const progress = ({ loss }: { loss: number }) => losses.push(loss);
    const training = { ...options, epochs: 6 };
    const model = await trainClassifier(pool, spec, { store: shapesStore(1000) }, training, progress);
    const test = shapesStore(200, 'test');
    const labels = await classifyStore(pool, model, test);
    const truth = test.read(Array.from(labels.keys())).labels;
    const correct = labels.filter((label, i) => label === truth[i]).length;
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    expect(correct / 200).toBeGreaterThan(0.3);
  });

  it('continues from given weights, and trains on a subset', async () => {
    const pool = testPool(1);
    const store = shapesStore(96);
    const first = await trainClassifier(pool, spec, { store }, options);
    const before = Buffer.from(first.weights.values.slice(0));
    const indices = Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    await trainClassifier(pool, spec, { store, indices }, options, undefined, first.weights);
    expect(Buffer.from(first.weights.values).equals(before)).toBe(false);
  });

  it('refuses a store with fewer samples than shards', async () => {
    await expect(
      trainClassifier(testPool(1), spec, { store: shapesStore(1) }, options),
    ).rejects.toMatchObject({
      code: 'dataset',
      message: expect.stringContaining('at least 2 samples'),
    });
  });
});
