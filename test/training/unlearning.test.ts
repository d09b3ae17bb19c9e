// `state.models: warm` forgets what was taken back: after a run that sees earlier samples otherwise, the benign model
// is bit for bit the one that never learned them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { drawShape, SHAPES_SHAPE } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { Ledger } from '../../src/state/ledger.ts';
import { NetworkStore } from '../../src/state/networks.ts';
import { State } from '../../src/state/state.ts';
import { OnlineBenignTrainer } from '../../src/training/benign-trainer.ts';
import { trainClassifier } from '../../src/training/train-classifier.ts';
import { weightsOf } from '../../src/training/train-once.ts';
import { testPool } from '../support/pools.ts';

const spec = { kind: 'small-cnn', config: { shape: SHAPES_SHAPE, classes: 10, widths: [4] } } as const;
const training = {
  epochs: 2,
  batch: 10,
  shards: 1,
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 0,
  seed: 1,
};
const fineTuning = { ...training, epochs: 1, learningRate: 0.01 };

const samples = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => drawShape('train', from + i));

it('goes back to the last model that had not learned what is taken back, and learns the rest from there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-unlearning-'));
  const pool = testPool(1);
  const state = await State.open(join(folder, 'state'), 'test');
  onTestFinished(async () => {
    await state.close();
    rmSync(folder, { recursive: true });
  });

  async function withStore<T>(some: readonly Sample[], work: (store: SampleStore) => Promise<T>): Promise<T> {
    const store = new SampleStore(join(folder, 'samples'), SHAPES_SHAPE);
    for (const sample of some) store.append(sample);
    return work(store).finally(() => store.dispose());
  }
  /** A run that releases samples as they are: weights of its benign model. */
  const run = (some: readonly Sample[]) =>
    withStore([], async (store) => {
      const networks = new NetworkStore(state);
      const trainer = new OnlineBenignTrainer(pool, { spec, training, fineTuning, store, warm: networks });
      for (const sample of some) await trainer.add(sample);
      await trainer.finish();
      const ledger = new Ledger(state, { correct: () => undefined, add: () => undefined });
      for (const [index, sample] of some.entries()) {
        const { id, label } = sample;
        const entry = { id, given: label, label, image: 'raw', rule: 'unflagged', reason: 'a test' } as const;
        await ledger.release({ kind: 'settled', index, sample, entry });
      }
      await ledger.finish();
      await state.commit(await networks.unused());
      return new Float32Array(trainer.model!.weights.values).slice();
    });
  /** What a training comes to that knows of nothing else. */
  const trained = (some: readonly Sample[], start?: Float32Array) =>
    withStore(some, async (store) => {
      const options = start ? fineTuning : training;
      const own = start && weightsOf(spec, start);
      const model = await trainClassifier(pool, spec, { store }, options, undefined, own);
      return new Float32Array(model.weights.values).slice();
    });

  const first = await run(samples(0, 20));
  expect(first).toEqual(await trained(samples(0, 20)));
  const second = await run(samples(0, 30));
  expect(second).toEqual(await trained(samples(0, 30), first));
  const third = await run(samples(0, 40));
  expect(third).toEqual(await trained(samples(0, 40), second));
  expect(await run(samples(0, 40))).toEqual(third);

  // a sample of the second run has another label now
  const relabelled = samples(0, 40).map((sample, n) => (n === 25 ? { ...sample, label: 0 } : sample));
  const fourth = await run(relabelled);
  expect(fourth).toEqual(await trained(relabelled, first));
  // and one of the third is gone, of which the fourth model knows, too, but not the first
  const without = relabelled.filter((_, n) => n !== 35);
  expect(await run(without)).toEqual(await trained(without, first));
  // nothing of before is left that has not learned one of the first
  const least = without.slice(1);
  expect(await run(least)).toEqual(await trained(least));
});
