import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { membraneFill } from '../../src/math/membrane.ts';
import type { DenoiserSpec, NetworkSpec } from '../../src/networks/network.ts';
import type { CandidateCache } from '../../src/ports/candidates.ts';
import { exportOnnx } from '../../src/runtime/export-onnx.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { classifierSignature, denoiserSignature } from '../../src/weights/onnx-signature.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';
import { packWeights } from '../../src/weights/weights.ts';
import type { Pool } from '../../src/workers/pool.ts';
import { PoolRunner, pack } from '../../src/workers/pool-runner.ts';
import type { DenoiserRef, NetworkRef } from '../../src/workers/protocol.ts';
import { testPool } from '../support/pools.ts';
import { tinyUnet } from '../support/tiny-models.ts';

/** With attention. */
const denoiserSpec: DenoiserSpec = {
  kind: 'unet',
  config: { ...tinyUnet, attnResolutions: [16] },
};
const denoiser = network('denoiser', denoiserSpec);
const observer = network('observer', {
  kind: 'small-cnn',
  config: { shape: [3, 32, 32], classes: 10, widths: [8, 16] },
});
const plan = {
  depth: 50,
  rounds: 2,
  steps: 3,
  keep: 2,
  kept: 'estimate',
  variance: 'fixed-small',
  seed: 5,
} as const;
const samples = Array.from({ length: 6 }, (_, i) => drawShape('train', i));

function network(id: string, spec: NetworkSpec): NetworkRef {
  return { kind: 'network', id, spec, weights: packWeights(initialWeights(spec, 1)) };
}

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(bytes.length);
  new Uint8Array(memory).set(bytes);
  return memory;
}

function runnerOn(pool: Pool, model: DenoiserRef = denoiser): PoolRunner {
  return new PoolRunner(pool, { denoiser: model, schedule: DDPM_SCHEDULE, plan, observer, quantile: 0.8 });
}

async function failureOf(runner: PoolRunner): Promise<string> {
  return runner.diffuse(samples).then(
    () => 'no failure',
    (error: Error) => error.message,
  );
}

/** The same network after a training that diverged. */
function diverged(model: NetworkRef): NetworkRef {
  const weights = packWeights(initialWeights(model.spec, 1));
  new Float32Array(weights.values).fill(Number.NaN);
  return { ...model, id: `diverged ${model.id}`, weights };
}

/** Living processes of workers of this one. */
function workerProcesses(): number {
  const threads = readdirSync(`/proc/${process.pid}/task`);
  const lists = threads.map((thread) => readFileSync(`/proc/${process.pid}/task/${thread}/children`, 'utf8'));
  const ids = lists.join(' ').split(' ').filter(Boolean);
  return ids.filter((id) => readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('network.process')).length;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(20);
}

/** Candidates and labels of all samples, worked on in batches of a size. */
async function observeAll(runner: PoolRunner, size: number) {
  const images: Uint8Array[] = [];
  const labels: unknown[] = [];
  for (let at = 0; at < samples.length; at += size) {
    const candidates = await runner.diffuse(samples.slice(at, at + size));
    if (!candidates.ok) throw new Error(candidates.failure.message);
    images.push(candidates.value.images.slice());
    const observed = await runner.observe(candidates.value);
    if (!observed.ok) throw new Error(observed.failure.message);
    labels.push(...observed.value);
  }
  return { images: images.flatMap((part) => [...part]), labels };
}

describe('Pool', () => {
  it('gives the same candidates and labels for any number of workers and any batch size', async () => {
    const whole = await observeAll(runnerOn(testPool(1)), 6);
    expect(whole.images.length).toBe(6 * 4 * 3072);
    expect(await observeAll(runnerOn(testPool(2)), 4)).toEqual(whole);
    expect(await observeAll(runnerOn(testPool(2)), 1)).toEqual(whole);
  });

  describe('with workers that compute in processes of their own', () => {
    it('gives the same', async () => {
      const pool = testPool(2, 'onnx', { isolation: 'process' });
      expect(await observeAll(runnerOn(pool), 2)).toEqual(await observeAll(runnerOn(testPool(1)), 6));
    });

    it('sends a network again that a process had to forget', async () => {
      const pool = testPool(1, 'onnx', { isolation: 'process' });
      const { pixels, shape } = samples[0]!;
      const classify = (id: string) =>
        pool.run<'classify'>({ kind: 'classify', model: { ...observer, id }, shape, pixels });
      const first = await classify('0');
      for (const id of ['1', '2', '3', '4', '5', '6', '0']) expect(await classify(id)).toEqual(first);
    });

    it('reports what is wrong with a task', async () => {
      const pool = testPool(1, 'onnx', { isolation: 'process' });
      const other = network('other', { ...denoiserSpec, config: { ...denoiserSpec.config, inChannels: 1 } });
      await expect(runnerOn(pool, other).diffuse(samples)).rejects.toThrow(
        await failureOf(runnerOn(testPool(1), other)),
      );
    });

    it('ends them when it closes, also in the middle of a task', async () => {
      const pool = testPool(1, 'onnx', { isolation: 'process' });
      const long = new PoolRunner(pool, {
        denoiser,
        schedule: DDPM_SCHEDULE,
        plan: { ...plan, rounds: 10_000 },
        observer,
        quantile: 0.8,
      });
      const running = expect(long.diffuse(samples)).rejects.toMatchObject({
        code: 'engine',
        message: expect.stringContaining('found their pool closed'),
      });
      await until(() => workerProcesses() > 0);
      await pool.close();
      await running;
      await until(() => workerProcesses() === 0);
    });
  });

  it('chooses among the allowed images only, and counts denoiser calls', async () => {
    const runner = runnerOn(testPool(1));
    const raw = await runner.choose(samples.map((sample) => ({ sample, among: [0] })));
    expect(raw).toEqual({ ok: true, value: samples.map(({ pixels }) => pixels) });
    const candidates = await runner.diffuse(samples.slice(0, 1));
    const third = await runner.choose([{ sample: samples[0]!, among: [3] }]);
    if (!candidates.ok || !third.ok) throw new Error('the pool failed');
    const expected = candidates.value.images.subarray(2 * 3072, 3 * 3072);
    expect([...third.value[0]!]).toEqual([...expected]);
    expect(runner.denoiserCalls).toBe((6 + 1 + 1) * 2 * 3);
  });

  it('restores: raw outside the mask, inside the candidate of the image without what stood there, and its label', async () => {
    const pool = testPool(1);
    const runner = runnerOn(pool);
    const [sample] = samples as [(typeof samples)[0]];
    const mask = new Uint8Array(1024).fill(1, 0, 100);
    const emptied = { ...sample, pixels: membraneFill(sample.pixels, mask, sample.shape) };
    const candidates = await runner.diffuse([sample, emptied]);
    const repaired = await runner.restore([
      { sample, mask },
      { sample, mask: undefined },
    ]);
    if (!candidates.ok || !repaired.ok) throw new Error('the pool failed');
    const { images, perSample } = candidates.value;
    const lastOf = (n: number) =>
      images.subarray(((n + 1) * perSample - 1) * 3072, (n + 1) * perSample * 3072);
    const [partly, wholly] = repaired.value;
    const inside = lastOf(1);
    expect([...partly!.pixels]).toEqual(
      [...sample.pixels].map((raw, i) => (i % 1024 < 100 ? inside[i] : raw)),
    );
    expect([...wholly!.pixels]).toEqual([...lastOf(0)]);
    const { pixels, shape } = pack([{ ...sample, pixels: partly!.pixels }]);
    const seen = await pool.run<'classify'>({ kind: 'classify', model: observer, pixels, shape });
    expect(partly!.label).toBe(seen.probabilities.indexOf(Math.max(...seen.probabilities)));
  });

  it('runs an exported denoiser and classifier as it runs the networks themselves', async () => {
    const pool = testPool(1);
    const bytes = shared(
      exportOnnx(denoiserSpec, initialWeights(denoiserSpec, 1), { schedule: DDPM_SCHEDULE }),
    );
    const signature = denoiserSignature(new Uint8Array(bytes), 'test');
    const foreign = runnerOn(pool, { kind: 'onnx', id: 'foreign', bytes, signature });
    expect(await observeAll(foreign, 6)).toEqual(await observeAll(runnerOn(pool), 6));

    const exported = shared(exportOnnx(observer.spec, initialWeights(observer.spec, 1)));
    const { pixels, shape } = pack(samples);
    const model = {
      kind: 'onnx',
      id: 'foreign',
      bytes: exported,
      signature: classifierSignature(new Uint8Array(exported), 'test'),
    } as const;
    const found = await pool.run<'classify'>({ kind: 'classify', model, pixels, shape });
    const own = await pool.run<'classify'>({ kind: 'classify', model: observer, pixels, shape });
    expect(found.features).toEqual(own.features);
    found.probabilities.forEach((p, i) => {
      expect(p).toBeCloseTo(own.probabilities[i]!, 6);
    });
  });

  it('reports what went wrong in a worker under its own error class', async () => {
    const gray = drawShape('train', 0).pixels.subarray(0, 1024);
    const sample = { id: 'gray', label: 0, pixels: gray, shape: [1, 32, 32] as const };
    await expect(runnerOn(testPool(1)).diffuse([sample])).rejects.toMatchObject({
      code: 'engine',
      message: expect.stringContaining('found'),
    });
  });

  it('makes no candidates again that it kept, in batches of which some have a place to fill', async () => {
    const kept = new Map<string, Uint8Array>();
    const cache: CandidateCache = {
      find: async (batch, kind) => batch.map(({ id }) => kept.get(`${kind} ${id}`)),
      keep: async (batch, candidates, kind) =>
        batch.forEach(({ id }, n) => void kept.set(`${kind} ${id}`, candidates[n]!.slice())),
    };
    const runner = new PoolRunner(testPool(1), {
      denoiser,
      schedule: DDPM_SCHEDULE,
      plan,
      observer,
      quantile: 0.8,
      cache,
    });
    const [whole, holed] = [samples[0]!, samples[1]!];
    await runner.diffuse([whole, holed]);
    const calls = runner.denoiserCalls;
    const mixed = [
      { sample: holed, mask: new Uint8Array(1024).fill(1, 0, 9) },
      { sample: whole, mask: undefined },
    ];
    const cached = await runner.restore(mixed);
    expect(runner.denoiserCalls - calls).toBe(calls / 2);
    expect([...kept.keys()].sort()).toEqual(
      [`canary ${holed.id}`, `sample ${holed.id}`, `sample ${whole.id}`].sort(),
    );
    expect(cached).toEqual(await runnerOn(testPool(1)).restore(mixed));
  });

  it('refuses networks whose numbers are none, as an error of the weights', async () => {
    const pool = testPool(1);
    const blind = runnerOn(pool, diverged(denoiser));
    await expect(blind.diffuse(samples)).rejects.toThrow(/finite numbers from the denoiser, found NaN/);
    await expect(blind.diffuse(samples)).rejects.toMatchObject({ code: 'weights' });
    const options = { denoiser, schedule: DDPM_SCHEDULE, plan, quantile: 0.8 };
    const mute = new PoolRunner(pool, { ...options, observer: diverged(observer) });
    await expect(mute.classify(samples)).rejects.toThrow(/finite numbers from a classifier, found NaN/);
  });
});
