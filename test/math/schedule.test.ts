import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { linearSchedule, posteriorVariances, respacedSchedule } from '../../src/math/schedule.ts';

describe('linearSchedule', () => {
  it('is the DDPM schedule', () => {
    const { betas, alphaBars } = linearSchedule();
    expect(betas.length).toBe(1000);
    expect(betas[0]).toBe(1e-4);
    expect(betas[999]).toBeCloseTo(0.02, 15);
    expect(alphaBars[0]).toBe(1 - 1e-4);
    // numpy.cumprod(1 - numpy.linspace(1e-4, .02, 1000))[[149, 150, 999]]
    expect(alphaBars[149]).toBeCloseTo(0.7883213508874032, 14);
    expect(alphaBars[150]).toBeCloseTo(0.7858870240251884, 14);
    expect(alphaBars[999]).toBeCloseTo(4.035829765375676e-5, 16);
  });

  it('refuses βs that are no probabilities', () => {
    expect(() => linearSchedule(10, 0, 0.02)).toThrow(ConfigError);
    expect(() => linearSchedule(10, 0.1, 0.02)).toThrow(ConfigError);
    expect(() => linearSchedule(10, 0.1, 1)).toThrow(/found first 0.1, last 1/);
  });
});

describe('respacedSchedule', () => {
  const schedule = linearSchedule();

  it('passes through the ᾱ of the chosen indices', () => {
    const timesteps = [0, 7, 30, 149];
    const { alphaBars } = respacedSchedule(schedule, timesteps);
    for (const [k, t] of timesteps.entries()) expect(alphaBars[k]).toBeCloseTo(schedule.alphaBars[t]!, 14);
  });

  it('changes nothing when every index is chosen', () => {
    const { betas } = respacedSchedule(
      schedule,
      Array.from({ length: 1000 }, (_, t) => t),
    );
    for (const [t, beta] of betas.entries()) expect(beta).toBeCloseTo(schedule.betas[t]!, 13);
  });
});

describe('posteriorVariances', () => {
  it('is 0 at index 0 and stays below β', () => {
    const schedule = linearSchedule();
    const variances = posteriorVariances(schedule);
    expect(variances[0]).toBe(0);
    // betas[1] * (1 - alphaBars[0]) / (1 - alphaBars[1])
    expect(variances[1]).toBeCloseTo((schedule.betas[1]! * 1e-4) / (1 - schedule.alphaBars[1]!), 15);
    for (const [t, variance] of variances.entries()) expect(variance).toBeLessThan(schedule.betas[t]!);
  });
});
