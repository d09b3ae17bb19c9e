// Workers that really die: threads that exit, and threads with an error that nobody catches. Results must be those
// of workers that live, and who kills every worker must be found.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import type { NetworkSpec } from '../../src/networks/network.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { trainClassifier } from '../../src/training/train-classifier.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';
import { packWeights } from '../../src/weights/weights.ts';
import { Pool } from '../../src/workers/pool.ts';
import { PoolRunner } from '../../src/workers/pool-runner.ts';
import type { NetworkRef } from '../../src/workers/protocol.ts';
import { isolated } from '../../streams/operators/isolated.ts';
import type { Mortality } from '../support/mortality.ts';
import { mortalPool, testPool } from '../support/pools.ts';
import { tinyClassifier, tinyDenoiser } from '../support/tiny-models.ts';

const plan = {
  depth: 50,
  rounds: 1,
  steps: 2,
  keep: 1,
  kept: 'estimate',
  variance: 'fixed-small',
  seed: 5,
} as const;
const samples = Array.from({ length: 12 }, (_, i) => drawShape('train', i));
const [deadly] = [{ ...samples[5]!, id: 'deadly' }];

function network(id: string, spec: NetworkSpec): NetworkRef {
  return { kind: 'network', id, spec, weights: packWeights(initialWeights(spec, 1)) };
}

function runnerOn(pool: Pool): PoolRunner {
  return new PoolRunner(pool, {
    denoiser: network('denoiser', tinyDenoiser),
    observer: network('observer', tinyClassifier),
    schedule: DDPM_SCHEDULE,
    plan,
    quantile: 0.8,
  });
}

/** Candidates and labels of all samples, in batches of four. */
async function observeAll(runner: PoolRunner) {
  const found: unknown[] = [];
  for (let at = 0; at < samples.length; at += 4) {
    const candidates = await runner.diffuse(samples.slice(at, at + 4));
    if (!candidates.ok) throw new Error(candidates.failure.message);
    const observed = await runner.observe(candidates.value);
    if (!observed.ok) throw new Error(observed.failure.message);
    found.push(...observed.value);
  }
  return found;
}

const store = {
  count: samples.length,
  read: (indices: ArrayLike<number>) => {
    const some = Array.from(indices, (index) => samples[index]!);
    return {
      pixels: Uint8Array.from(some.flatMap(({ pixels }) => [...pixels])),
      labels: Int32Array.from(some, ({ label }) => label),
    };
  },
};

async function trained(pool: Pool): Promise<Float32Array> {
  const options = {
    epochs: 2,
    batch: 4,
    shards: 2,
    learningRate: 0.1,
    momentum: 0.9,
    weightDecay: 0,
    seed: 1,
  };
  const { weights } = await trainClassifier(pool, tinyClassifier, { store }, options);
  return new Float32Array(weights.values);
}

const always: Omit<Mortality, 'folder'> = { manner: 'exit', moment: 'before', kinds: [], oneIn: 1 };

describe('a worker that dies once', () => {
  it.each([
    ['throws', 'throw', 'before'],
    ['exits with the work done', 'exit', 'after'],
    ['aborts natively', 'abort', 'before'],
    ['aborts natively with the work done', 'abort', 'after'],
  ] as const)('%s: batches give what they give otherwise', async (_, manner, moment) => {
    const expected = await observeAll(runnerOn(testPool(2)));
    const mortal = mortalPool(2, { ...always, manner, moment, kinds: ['diffuse', 'observe'], oneIn: 2 });
    expect(await observeAll(runnerOn(mortal.pool))).toEqual(expected);
    expect(mortal.deaths()).toBeGreaterThan(1);
    expect(mortal.pool.restarts).toBe(mortal.deaths());
  });

  it.each([
    ['exit', 'after', 'gradient'],
    ['exit', 'before', 'update'],
    ['exit', 'after', 'update'],
    ['abort', 'after', 'gradient'],
    ['abort', 'after', 'update'],
  ] as const)('(%s) %s a %s of a training: the weights are the same', async (manner, moment, kind) => {
    const expected = await trained(testPool(2));
    const mortal = mortalPool(2, { ...always, manner, moment, kinds: [kind], oneIn: 4 });
    expect(await trained(mortal.pool)).toEqual(expected);
    expect(mortal.deaths()).toBeGreaterThan(0);
    expect(mortal.pool.restarts).toBe(mortal.deaths());
  });

  it('while the pool closes and is to finish its tasks: the task is done again, and none is taken after', async () => {
    const mortal = mortalPool(1, { ...always, kinds: ['diffuse'] });
    const runner = runnerOn(mortal.pool);
    const candidates = runner.diffuse(samples.slice(0, 2));
    await mortal.pool.close(true);
    expect(await candidates).toMatchObject({ ok: true });
    expect([mortal.deaths(), mortal.pool.restarts]).toEqual([1, 1]);
    await expect(runner.diffuse(samples)).rejects.toThrow('found it closed');
  });

  it('in the middle of an update: the training ends, for its weights are torn', async () => {
    const mortal = mortalPool(2, { ...always, moment: 'writing', kinds: ['update'] });
    await expect(trained(mortal.pool)).rejects.toMatchObject({
      code: 'engine',
      message: expect.stringMatching(/updated as a whole, found .* died while it wrote/),
    });
  });
});

describe('a sample that kills every worker', () => {
  it.each([
    ['exit', /a worker to diffuse, found that it died: .*3/],
    ['abort', /a worker to diffuse, found that it died: its process ended with SIGABRT/],
  ] as const)('is the only one that fails, whatever batch it is in (%s)', async (manner, message) => {
    const { pool } = mortalPool(2, { ...always, manner, oneIn: 0 });
    const runner = runnerOn(pool);
    const batch = [samples[0]!, deadly!, samples[1]!];
    const attempts = await isolated(batch, (some) => runner.diffuse(some));
    expect(attempts.map(({ items, outcome }) => [items[0]!.id, outcome.ok])).toEqual([
      [samples[0]!.id, true],
      ['deadly', false],
      [samples[1]!.id, true],
    ]);
    expect(attempts[1]!.outcome).toMatchObject({
      failure: {
        code: 'worker',
        message: expect.stringMatching(message),
      },
    });
    expect(pool.restarts).toBe(4);
  });
});

describe('workers that never live', () => {
  it('end the run instead of putting every sample into quarantine', async () => {
    const { pool } = mortalPool(1, { ...always, oneIn: 0 });
    const runner = runnerOn(pool);
    const all = Array.from({ length: 40 }, (_, i) => ({ ...samples[0]!, id: `deadly ${i}` }));
    await expect(isolated(all, (some) => runner.diffuse(some))).rejects.toMatchObject({
      code: 'engine',
      exitCode: 5,
      message: expect.stringContaining('die whatever they do'),
    });
  });

  it('end the run when they cannot even start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mortal-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const pool = new Pool({
      workers: 2,
      engine: 'onnx',
      executionProvider: 'cpu',
      tfjsBackend: 'cpu',
      entry: new URL(`file://${folder}/missing.worker.ts`),
    });
    onTestFinished(() => pool.close());
    const runner = runnerOn(pool);
    await expect(isolated(samples, (some) => runner.diffuse(some))).rejects.toMatchObject({
      code: 'engine',
      message: expect.stringContaining('missing.worker.ts'),
    });
  });
});
