import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import {
  linearSchedule,
  posteriorVariances,
  respacedSchedule,
  scheduleFrom,
} from '../../src/math/schedule.ts';

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

describe('scheduleFrom', () => {
  const linear = { length: 1000, first: 1e-4, last: 0.02 };
  const stable = { length: 1000, first: 0.00085, last: 0.012, kind: 'scaled_linear' } as const;
  const cosine = { ...linear, kind: 'squaredcos_cap_v2' } as const;

  it('is the linear schedule where no kind is named', () => {
    expect(scheduleFrom(linear)).toEqual(linearSchedule());
  });

  // Lin et al. 2024, table 1: √ᾱ at the last step
  it.each([
    ['linear', linear, 0.006353],
    ['of Stable Diffusion', stable, 0.068265],
    ['cosine', cosine, 4.92822e-5],
  ])('%s leaves as much of the image as is published', (_, made, root) => {
    expect(Math.sqrt(scheduleFrom(made).alphaBars[999]!) / root).toBeCloseTo(1, 4);
  });

  it('is the cosine of Nichol and Dhariwal, up to the limit of β', () => {
    const { alphaBars, betas } = scheduleFrom(cosine);
    const f = (t: number) => Math.cos(((t / 1000 + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
    for (const t of [0, 10, 499, 990]) expect(alphaBars[t]).toBeCloseTo(f(t + 1) / f(0), 12);
    expect(betas[999]).toBe(0.999);
  });

  it.each([linear, stable, cosine])('ends in nothing of the image with zero SNR: $kind', (made) => {
    const plain = scheduleFrom(made);
    const { alphaBars, betas } = scheduleFrom({ ...made, zeroSnr: true });
    expect(alphaBars[0]).toBeCloseTo(plain.alphaBars[0]!, 14);
    expect(alphaBars[999]).toBe(0);
    expect(betas[999]).toBe(1);
    // √ᾱ is stretched evenly
    const root = (bars: Float64Array, t: number) => Math.sqrt(bars[t]!);
    const share = (bars: Float64Array) =>
      (root(bars, 0) - root(bars, 400)) / (root(bars, 0) - root(bars, 999));
    expect(share(alphaBars)).toBeCloseTo(share(plain.alphaBars), 12);
    let product = 1;
    for (const [t, beta] of betas.entries()) {
      product *= 1 - beta;
      expect(product).toBeCloseTo(alphaBars[t]!, 12);
    }
  });

  it('takes βs one by one', () => {
    const { alphaBars } = scheduleFrom({ length: 2, first: 0.1, last: 0.1, betas: [0.5, 0.2] });
    expect([...alphaBars]).toEqual([0.5, 0.4]);
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
