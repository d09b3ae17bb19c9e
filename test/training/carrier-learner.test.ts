// The carrier learner on real workers: a corner patch on procedural images, and a mark that is not in the image.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { drawShape, SHAPES_SHAPE } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { PoolCarrierLearner } from '../../src/training/carrier-learner.ts';
import { testPool } from '../support/pools.ts';
import { tinyTraining } from '../support/tiny-models.ts';

const COUNT = 160;
const training = { ...tinyTraining, batch: 16, seed: 1 };

/** A checkered 4×4 patch in the corner. */
function stamped(pixels: Uint8Array): Uint8Array {
  return pixels.map((value, i) => {
    const [y, x] = [Math.floor(i / 32) % 32, i % 32];
    return y < 4 && x < 4 ? 255 * ((x + y) % 2) : value;
  });
}

/** Every third sample is a carrier, by name; it carries the patch if `patch`. */
function world(patch: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'carriers-'));
  const store = new SampleStore(join(folder, 'raw'), SHAPES_SHAPE);
  onTestFinished(() => {
    store.dispose();
    rmSync(folder, { recursive: true });
  });
  const samples = Array.from({ length: COUNT }, (_, index) => {
    const { pixels, label } = drawShape('train', index);
    const carries = index % 3 === 0;
    const sample: Sample = {
      id: `s${index}`,
      label,
      shape: SHAPES_SHAPE,
      pixels: carries && patch ? stamped(pixels) : pixels,
    };
    return { sample, carries, placed: { id: sample.id, index: store.append(sample) } };
  });
  return { store, samples };
}

async function judged({ store, samples }: ReturnType<typeof world>, workers = 2) {
  const spec = {
    kind: 'small-cnn' as const,
    config: { shape: SHAPES_SHAPE, classes: 2, widths: [4, 8, 8, 8] },
  };
  const learner = new PoolCarrierLearner(testPool(workers), { spec, training });
  const placed = (carry: boolean) =>
    samples.filter(({ carries }) => carries === carry).map(({ placed }) => placed);
  const tell = await learner.learn(store, placed(true), placed(false));
  const told = await tell(samples.map(({ sample }) => sample));
  if (!told.ok) throw new Error(told.failure.message);
  const one = await tell([samples[7]!.sample]);
  if (!one.ok) throw new Error(one.failure.message);
  return { told: told.value, one: one.value[0]! };
}

describe('PoolCarrierLearner', () => {
  it('tells carriers that it did not learn from others, each by itself and with any number of workers', async () => {
    const patched = world(true);
    const { told, one } = await judged(patched);
    const right = patched.samples.filter(({ carries }, n) => told[n]! > 0.5 === carries);
    expect(right.length / COUNT).toBeGreaterThan(0.95);
    for (const probability of told) expect(probability >= 0 && probability <= 1).toBe(true);
    expect(one).toBeCloseTo(told[7]!, 5);
    expect((await judged(patched, 1)).told).toEqual(told);
  });

  it('learns nothing by heart: a mark that is not in the image is not found', async () => {
    const unmarked = world(false);
    const { told } = await judged(unmarked);
    const marked = unmarked.samples.flatMap(({ carries }, n) => (carries ? [told[n]!] : []));
    expect(marked.filter((probability) => probability > 0.5).length / marked.length).toBeLessThan(0.6);
  });
});
