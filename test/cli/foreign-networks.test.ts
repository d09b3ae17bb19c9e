// Networks whose files do not show what their numbers mean, on real workers: denoisers that predict something else than noise
// or know another schedule, observers that take another range of numbers or have their classes in another order.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identityOf } from '../../src/app/memory.ts';
import { loadDenoiser, loadObserver } from '../../src/app/models.ts';
import { planOf } from '../../src/app/rules.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import type { PREDICTIONS } from '../../src/diffusion/prediction.ts';
import { type PartialSettings, settingsOf } from '../../src/library/options.ts';
import { type NoiseSchedule, scheduleFrom } from '../../src/math/schedule.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';
import { Pool } from '../../src/workers/pool.ts';
import { PoolRunner } from '../../src/workers/pool-runner.ts';
import { brightnessObserver, fadingDenoiser } from '../support/foreign-onnx.ts';
import { pixelsOf } from '../support/pictures.ts';
import { dataelixir } from './program.ts';

const SIDE = 8;
const SHAPE = [1, SIDE, SIDE] as const;
const SIZE = { width: SIDE, height: SIDE, channels: 1, depth: 8 } as const;
const COSINE: NoiseSchedule = { ...DDPM_SCHEDULE, kind: 'squaredcos_cap_v2' };
/** Gray levels of the classes. */
const LEVELS = [10, 120, 240];
const INFO = { shape: SHAPE, classes: LEVELS.length };

let folder: string;
let pool: Pool;
beforeAll(() => {
  pool = new Pool({ workers: 1, engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu' });
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-foreign-'));
});
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

const settings = (given: PartialSettings = {}) => settingsOf({ classes: LEVELS.length, settings: given });
const samples = [0, 1, 2].map(
  (i): Sample => ({ id: `${i}`, label: 0, pixels: pixelsOf(i, SHAPE), shape: SHAPE }),
);
const gray = (level: number): Sample => ({
  id: `gray ${level}`,
  label: 0,
  pixels: new Uint8Array(SIDE * SIDE).fill(level),
  shape: SHAPE,
});

function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const brightness = (name: string, values: readonly number[]) =>
  written(name, brightnessObserver(values, SIDE));

async function candidatesOf(path: string, given: PartialSettings = {}): Promise<Uint8Array> {
  const { schedule, model: denoiser } = await loadDenoiser(path, settings(given), SHAPE);
  const observer = await loadObserver(brightness('any.onnx', [-1, 0, 1]), settings(), INFO);
  const plan = planOf(settings({ diffusion: { rounds: 2, ...given.diffusion } }));
  const runner = new PoolRunner(pool, { denoiser, schedule, plan, observer, quantile: 0.8 });
  const made = await runner.diffuse(samples);
  if (!made.ok) throw new Error(made.failure.message);
  return made.value.images;
}

/** Largest difference of two images, in gray levels. */
const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('a denoiser', () => {
  it.each([
    ['the linear schedule', DDPM_SCHEDULE, {}],
    ['the cosine schedule', COSINE, { schedule: 'squaredcos_cap_v2' }],
    ['few steps', { ...DDPM_SCHEDULE, length: 250, last: 0.08 }, { timesteps: 250, betaEnd: 0.08 }],
  ] as const)('makes the same images whatever it predicts, in %s', async (name, made, said) => {
    const path = (kind: (typeof PREDICTIONS)[number]) =>
      written(`${name} ${kind}.onnx`, fadingDenoiser(kind, scheduleFrom(made), 1));
    const reference = await candidatesOf(path('epsilon'), { denoiser: said });
    expect(new Set(reference).size).toBeGreaterThan(20);
    for (const kind of ['v_prediction', 'sample'] as const) {
      const images = await candidatesOf(path(kind), { denoiser: { ...said, prediction: kind } });
      expect(difference(images, reference)).toBeLessThanOrEqual(1);
      expect(difference(await candidatesOf(path(kind), { denoiser: said }), reference)).toBeGreaterThan(3);
    }
  });

  it('may say itself what it predicts, under the names of diffusers or as Python writes them', async () => {
    const zero = { ...COSINE, zeroSnr: true } as const;
    const said = {
      prediction_type: 'v_prediction',
      beta_schedule: 'squaredcos_cap_v2',
      num_train_timesteps: '1000',
      rescale_betas_zero_snr: 'True',
      trained_betas: 'None',
    };
    const path = written('said.onnx', fadingDenoiser('v_prediction', scheduleFrom(zero), 1, said));
    const { schedule, model } = await loadDenoiser(path, settings(), SHAPE);
    expect(schedule).toEqual(zero);
    expect(model.predicts).toBe('v_prediction');
    // from pure noise on
    const deep = await candidatesOf(path, { diffusion: { depth: 1000 } });
    expect(new Set(deep).size).toBeGreaterThan(20);
    await expect(
      loadDenoiser(
        path,
        settings({ diffusion: { depth: 1000 }, denoiser: { prediction: 'epsilon' } }),
        SHAPE,
      ),
    ).rejects.toThrow(/diffusion.depth: expected at most 999/);
  });

  it('is another one to a state only if it predicts something else than noise', async () => {
    const path = written('plain.onnx', fadingDenoiser('epsilon', scheduleFrom(DDPM_SCHEDULE), 1));
    const identity = async (given: PartialSettings) => {
      const denoiser = await loadDenoiser(path, settings(given), SHAPE);
      const info = { ...INFO, name: 'x', format: 'ndjson' as const };
      return identityOf({ settings: settings(given) } as Parameters<typeof identityOf>[0], denoiser, info);
    };
    const plain = await identity({});
    // as it was before there was a choice: the first half of sha256 of {"length":1000,"first":0.0001,"last":0.02}
    expect(plain).toMatchObject({
      schedule: 'ff6e599474187329933ffacb6391af4b',
    });
    expect(plain).not.toHaveProperty('prediction');
    expect(
      await identity({ denoiser: { prediction: 'epsilon', schedule: 'linear', betaEnd: 0.02 } }),
    ).toEqual(plain);
    expect(await identity({ denoiser: { prediction: 'sample' } })).toEqual({
      ...plain,
      prediction: 'sample',
    });
    expect(await identity({ denoiser: { schedule: 'scaled_linear' } })).not.toEqual(plain);
  });

  it('needs βs that rise, and a schedule as long as the diffusion', async () => {
    const path = written('short.onnx', fadingDenoiser('epsilon', scheduleFrom(DDPM_SCHEDULE), 1));
    const loading = (denoiser: PartialSettings['denoiser']) =>
      loadDenoiser(path, settings({ denoiser: denoiser! }), SHAPE);
    await expect(loading({ betaStart: 0.5 })).rejects.toThrow(/denoiser.betaStart: expected at most 0.02/);
    await expect(loading({ timesteps: 100 })).rejects.toThrow(/depth in \[1, 100\], found 200/);
  });
});

describe('an observer', () => {
  const ours = (level: number) => level / 127.5 - 1;
  const labelsOf = async (path: string, observer: PartialSettings['observer'] = {}) => {
    const model = await loadObserver(path, settings({ observer: observer! }), INFO);
    const labels = LEVELS.map(async (level) => {
      const { pixels, shape } = gray(level);
      const { probabilities } = await pool.run<'classify'>({ kind: 'classify', model, pixels, shape });
      return probabilities.indexOf(Math.max(...probabilities));
    });
    return Promise.all(labels);
  };

  it.each<[string, (level: number) => number, PartialSettings['observer']]>([
    ['as those here', ours, {}],
    ['from 0 to 1', (level) => level / 255, { range: [0, 1] }],
    ['as bytes', (level) => level, { range: [0, 255] }],
    ['normalised', (level) => (level / 255 - 0.45) / 0.22, { mean: [0.45], deviation: [0.22] }],
    ['centred', (level) => level - 117, { range: [0, 255], mean: [117] }],
  ])('that takes images %s', async (name, toInput, observer) => {
    const path = brightness(`${name}.onnx`, LEVELS.map(toInput));
    expect(await labelsOf(path, observer)).toEqual([0, 1, 2]);
    if (name !== 'as those here') expect(await labelsOf(path)).not.toEqual([0, 1, 2]);
  });

  it('that has its classes in another order', async () => {
    const labels = [2, 0, 1];
    const path = brightness(
      'other order.onnx',
      labels.map((label) => ours(LEVELS[label]!)),
    );
    expect(await labelsOf(path)).toEqual([1, 2, 0]);
    expect(await labelsOf(path, { labels })).toEqual([0, 1, 2]);
  });

  it.each<[PartialSettings['observer'], RegExp]>([
    [{ labels: [0, 1] }, /observer.labels: expected each label from 0 to 2 once, found 0, 1/],
    [{ labels: [0, 1, 1] }, /observer.labels: expected each label from 0 to 2 once/],
    [{ mean: [1, 2, 3] }, /observer.mean: expected one number or 1, one a channel, found 3/],
    [{ range: [1, 0] }, /observer.range: expected two numbers, the smaller one first, found 1, 0/],
    [{ range: [1] }, /observer.range: expected two numbers/],
  ])('is not described by %j', async (observer, message) => {
    const path = brightness('described.onnx', LEVELS);
    await expect(labelsOf(path, observer)).rejects.toThrow(message);
  });
});

describe('on the command line', () => {
  it('both are understood as the options say, and where nothing is said, what to say is', async () => {
    const lines = Array.from({ length: 45 }, (_, i) => {
      const { pixels } = gray(LEVELS[i % 3]! + (i % 7));
      const image = Buffer.from(encode({ ...SIZE, data: pixels })).toString('base64');
      return `{"id": "${i}", "label": ${i % 3}, "image": "${image}"}\n`;
    });
    writeFileSync(join(folder, 'in.ndjson'), lines.join(''));
    const v = fadingDenoiser('v_prediction', scheduleFrom(DDPM_SCHEDULE), 1);
    const observer = brightness('from 0.onnx', [240 / 255, 10 / 255, 120 / 255]);
    const files = ['--denoiser-path', written('v.onnx', v), '--observer-path', observer];
    const small = '--diffusion-rounds 1 --classifier-widths 4 --classifier-epochs 1 --dataset-classes 3';
    const purify = (...more: string[]) =>
      dataelixir(['purify', 'in.ndjson', ...files, ...small.split(' '), ...more], { cwd: folder });
    const misunderstood = await purify();
    expect(misunderstood.stderr).toMatch(
      /the observer agrees with 33 % of the given labels; 33 % .* set observer.range, .* observer.labels/,
    );
    const said =
      '--denoiser-prediction v_prediction --observer-range 0,1 --observer-labels 2,0,1 --overwrite';
    const understood = await purify(...said.split(' '));
    expect(understood).toMatchObject({ code: 0 });
    expect(understood.stderr).toContain('the observer agrees with 100 % of the given labels');
    expect(understood.stderr).not.toMatch(/observer\.range|denoiser\.prediction/);
  });

  it.each([
    [
      ['purify', 'x', '--observer-mean', '0.5'],
      /observer.path: expected a classifier that observer.mean speaks of/,
    ],
    [['train-denoiser', 'x', '--config', 'v.yaml'], /where a denoiser is trained, which predicts noise/],
    [['train-denoiser', 'x', '--denoiser-prediction', 'sample'], /--denoiser-prediction/],
  ])('%j is refused', async (args, message) => {
    writeFileSync(join(folder, 'v.yaml'), 'denoiser: { path: d.safetensors, prediction: v_prediction }');
    const ended = await dataelixir(args, { cwd: folder });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(message);
  });
});
