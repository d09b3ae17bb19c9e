import { describe, expect, it } from 'vitest';
import type { DiffusionPlan } from '../../src/diffusion/plan.ts';
import { diffusionProcess, evenTimesteps } from '../../src/diffusion/process.ts';
import { ConfigError } from '../../src/errors.ts';
import { linearSchedule } from '../../src/math/schedule.ts';

const PAPER: DiffusionPlan = {
  depth: 150,
  rounds: 5,
  steps: 150,
  keep: 10,
  kept: 'state',
  variance: 'fixed-large',
  seed: 0,
};
const SCHEDULE = linearSchedule();

describe('diffusionProcess', () => {
  it('is the reference’s chain for the paper’s plan', () => {
    const { steps, jumpAlphaBar } = diffusionProcess(PAPER, SCHEDULE);
    expect(jumpAlphaBar).toBe(SCHEDULE.alphaBars[150]);
    expect(steps.map((step) => step.timestep)).toEqual(Array.from({ length: 150 }, (_, k) => 149 - k));
    for (const step of steps) {
      // Ho et al. 2020, eq. 11: mean = (x − β/√(1−ᾱ)·ε)/√α, with x̂₀ put in
      const beta = SCHEDULE.betas[step.timestep]!;
      const alphaBar = SCHEDULE.alphaBars[step.timestep]!;
      expect(step.estimateToX * step.xToEstimate + step.xToX).toBeCloseTo(1 / Math.sqrt(1 - beta), 10);
      expect(step.estimateToX * step.noiseToEstimate).toBeCloseTo(
        -beta / Math.sqrt(1 - alphaBar) / Math.sqrt(1 - beta),
        10,
      );
      expect(step.sigma).toBeCloseTo(step.timestep === 0 ? 0 : Math.sqrt(beta), 12);
    }
  });

  it('ends a round at the estimate, whatever the number of steps', () => {
    for (const steps of [1, 2, 8, 149]) {
      const last = diffusionProcess({ ...PAPER, steps, keep: 1 }, SCHEDULE).steps.at(-1)!;
      expect(last.estimateToX).toBeCloseTo(1, 12);
      expect(last.xToX).toBeCloseTo(0, 12);
      expect(last.sigma).toBe(0);
    }
  });

  it.each([
    ['depth', { depth: 1001 }],
    ['depth', { depth: 0 }],
    ['rounds', { rounds: 0 }],
    ['steps', { steps: 151 }],
    ['steps', { steps: 7.5 }],
    ['keep', { keep: 151 }],
  ])('refuses an impossible %s', (name, change) => {
    const make = () => diffusionProcess({ ...PAPER, ...change }, SCHEDULE);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(name);
  });
});

describe('evenTimesteps', () => {
  it('spreads steps over the depth', () => {
    expect(evenTimesteps(150, 1)).toEqual([149]);
    expect(evenTimesteps(150, 2)).toEqual([0, 149]);
    expect(evenTimesteps(150, 6)).toEqual([0, 30, 60, 89, 119, 149]);
    expect(evenTimesteps(4, 4)).toEqual([0, 1, 2, 3]);
  });
});
