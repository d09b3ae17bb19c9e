import { describe, expect, it } from 'vitest';
import type { DiffusionPlan } from '../../src/diffusion/plan.ts';
import { PREDICTIONS } from '../../src/diffusion/prediction.ts';
import { diffusionProcess, evenTimesteps } from '../../src/diffusion/process.ts';
import { ConfigError } from '../../src/errors.ts';
import { linearSchedule, scheduleFrom } from '../../src/math/schedule.ts';

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
      expect(step.estimateToX * step.predictedToEstimate).toBeCloseTo(
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

  it.each(PREDICTIONS)('finds the clean image in an exact %s', (kind) => {
    const [x0, epsilon] = [0.3, -1.7];
    const { steps } = diffusionProcess(PAPER, SCHEDULE, kind);
    for (const { timestep, xToEstimate, predictedToEstimate } of steps) {
      const [alpha, sigma] = [SCHEDULE.alphaBars[timestep]!, 1 - SCHEDULE.alphaBars[timestep]!].map(
        Math.sqrt,
      );
      const x = alpha! * x0 + sigma! * epsilon;
      const v = alpha! * epsilon - sigma! * x0;
      // Salimans and Ho 2022, appendix D: both other predictions tell of the noise
      expect(sigma! * x + alpha! * v).toBeCloseTo(epsilon, 12);
      expect((x - alpha! * x0) / sigma!).toBeCloseTo(epsilon, 12);
      const predicted = { epsilon, v_prediction: v, sample: x0 }[kind];
      expect(xToEstimate * x + predictedToEstimate * predicted).toBeCloseTo(x0, 12);
    }
  });

  describe('where the last step leaves nothing of the image', () => {
    const zero = scheduleFrom({ length: 1000, first: 1e-4, last: 0.02, zeroSnr: true });
    const deep = { ...PAPER, depth: 1000, steps: 4, keep: 1 };

    it.each(['v_prediction', 'sample'] as const)('begins with the estimate alone: %s', (kind) => {
      for (const steps of [1, 4]) {
        const { jumpAlphaBar, steps: chain } = diffusionProcess({ ...deep, steps }, zero, kind);
        expect(jumpAlphaBar).toBe(0);
        expect(chain[0]).toMatchObject({ timestep: 999, xToX: 0, xToEstimate: 0 });
        expect(Math.abs(chain[0]!.predictedToEstimate)).toBe(1);
        for (const step of chain) expect(Object.values(step).filter(Number.isFinite).length).toBe(6);
      }
    });

    it('refuses noise, which says nothing there', () => {
      const make = (depth: number) => diffusionProcess({ ...deep, depth }, zero);
      expect(() => make(1000)).toThrow(ConfigError);
      expect(() => make(1000)).toThrow(/at most 999, found 1000/);
      expect(make(999).steps.every((step) => Number.isFinite(step.xToEstimate))).toBe(true);
    });
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
