import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DiffusionPlan } from '../../src/diffusion/plan.ts';
import { diffusionProcess } from '../../src/diffusion/process.ts';
import type { NoiseSource, Predict } from '../../src/diffusion/sampler.ts';
import { ShapeError } from '../../src/errors.ts';
import { fillNormal, randomKey } from '../../src/math/random.ts';
import type { RandomKey } from '../../src/math/random-key.ts';
import { linearSchedule } from '../../src/math/schedule.ts';
import { candidatesOf } from '../support/candidates.ts';
import { fixturePath } from '../support/paths.ts';

interface Chain {
  readonly depth: number;
  readonly rounds: number;
  readonly steps?: number;
  readonly keep: number;
  readonly noise: readonly number[];
  readonly kept: readonly number[];
  readonly final: readonly number[];
}

const GOLDEN: { x0: number[]; full: Chain; respaced: Chain } = JSON.parse(
  readFileSync(fixturePath('parity/chain-analytic.json'), 'utf8'),
);
const SCHEDULE = linearSchedule();

/** The predictor of chain-analytic.py. */
const predict: Predict = (x, t) => x.map((value) => 0.8 * Math.tanh(1.5 * value + 0.01 * t));

function recorded(noise: readonly number[], steps: number, count: number, size: number): NoiseSource {
  return (out, sample, round, step) => {
    const start = ((round * (1 + steps) + step) * count + sample) * size;
    out.set(noise.slice(start, start + size));
  };
}

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-6);
}

describe('sampleCandidates', () => {
  it('follows PyTorch through every step of two rounds, states kept', async () => {
    const { depth, rounds, keep, noise, kept, final } = GOLDEN.full;
    const plan: DiffusionPlan = {
      depth,
      rounds,
      steps: depth,
      keep,
      kept: 'state',
      variance: 'fixed-large',
      seed: 0,
    };
    const x = Float32Array.from(GOLDEN.x0);
    const candidates = await candidatesOf(
      diffusionProcess(plan, SCHEDULE),
      predict,
      recorded(noise, depth, 2, 12),
      x,
      2,
    );
    expectClose(candidates, kept);
    expectClose(x, final);
  });

  it('follows PyTorch through a respaced chain, estimates kept', async () => {
    const { depth, rounds, steps = 0, keep, noise, kept, final } = GOLDEN.respaced;
    const plan: DiffusionPlan = {
      depth,
      rounds,
      steps,
      keep,
      kept: 'estimate',
      variance: 'fixed-small',
      seed: 0,
    };
    const x = Float32Array.from(GOLDEN.x0);
    // the last step draws nothing: four recorded reverse noises for five steps
    const source = recorded(noise, steps - 1, 2, 12);
    const candidates = await candidatesOf(
      diffusionProcess(plan, SCHEDULE),
      (x, t) => Promise.resolve(predict(x, t)),
      source,
      x,
      2,
    );
    expectClose(candidates, kept);
    expectClose(x, final);
  });

  it('gives the same bytes for a sample alone and in any batch', async () => {
    const plan: DiffusionPlan = {
      depth: 40,
      rounds: 2,
      steps: 6,
      keep: 2,
      kept: 'estimate',
      variance: 'fixed-small',
      seed: 11,
    };
    const process = diffusionProcess(plan, SCHEDULE);
    const run = async (ids: readonly string[]) => {
      const keys: RandomKey[] = ids.map((id) => randomKey(plan.seed, id));
      const noise: NoiseSource = (out, n, round, step) => fillNormal(out, keys[n]!, round, step);
      const x = Float32Array.from(
        ids.flatMap((id) => Array.from({ length: 6 }, (_, i) => Math.cos(i + id.length))),
      );
      const kept = await candidatesOf(process, predict, noise, x, ids.length);
      return ids.map((_, n) => kept.slice(n * 24, (n + 1) * 24));
    };
    const [a, bb, ccc] = await run(['a', 'bb', 'ccc']);
    expect(await run(['ccc', 'a'])).toEqual([ccc, a]);
    expect(await run(['bb'])).toEqual([bb]);
    expect(a).not.toEqual(bb);
  });

  it('refuses a network that does not fit and images that are not a batch', async () => {
    const plan: DiffusionPlan = {
      depth: 2,
      rounds: 1,
      steps: 2,
      keep: 1,
      kept: 'state',
      variance: 'fixed-large',
      seed: 0,
    };
    const process = diffusionProcess(plan, SCHEDULE);
    const quiet: NoiseSource = (out) => out.fill(0);
    await expect(candidatesOf(process, (x) => x.slice(1), quiet, new Float32Array(8), 2)).rejects.toThrow(
      'expected a prediction of 8 numbers, found 7',
    );
    await expect(candidatesOf(process, predict, quiet, new Float32Array(8), 3)).rejects.toThrow(ShapeError);
  });
});
