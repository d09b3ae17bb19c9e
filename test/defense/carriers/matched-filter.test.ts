// The matched filter and the names on simulated residuals and scores whose truth is known.

import { describe, expect, it } from 'vitest';
import { carrierThreshold, MatchedFilter } from '../../../src/defense/carriers/matched-filter.ts';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const SIZE = 64;

/** Of a class of its own: a faint wave over the whole image, which purification takes away, among noise. */
function images(count: number, amplitude: number, seed: number) {
  const random = new RandomStream(randomKey(seed, 'residuals'));
  return Array.from({ length: count }, () => {
    const purified = Uint8Array.from({ length: SIZE }, () => 100 + random.integer(50));
    const raw = purified.map((value, i) =>
      Math.round(value + random.integer(21) - 10 + amplitude * Math.sin(i)),
    );
    return { raw, purified };
  });
}

function world(amplitude: number) {
  const carriers = images(50, amplitude, 1);
  const clean = images(50, 0, 2);
  const honest = images(300, 0, 3);
  const residuals = new Residuals(SIZE);
  for (const { raw, purified } of carriers) residuals.add(0, true, raw, purified);
  for (const { raw, purified } of clean) residuals.add(0, false, raw, purified);
  for (const { raw, purified } of honest) residuals.add(1, false, raw, purified);
  const filter = new MatchedFilter(residuals, 0, [0]);
  const responses = (some: ReturnType<typeof images>) =>
    some.map(({ raw, purified }) => filter.response(raw, purified));
  return {
    carriers: responses(carriers),
    clean: responses(clean),
    honest: responses(honest),
    fresh: responses(images(50, amplitude, 4)),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const above = (values: readonly number[], threshold: number) =>
  values.filter((value) => value > threshold).length / values.length;

describe('MatchedFilter', () => {
  it('responds with 1 to carriers and 0 to honest samples, on average', () => {
    const { carriers, clean, honest } = world(5);
    expect(mean(carriers)).toBeCloseTo(1, 5);
    expect(mean(honest)).toBeCloseTo(0, 5);
    expect(Math.abs(mean(clean))).toBeLessThan(0.1);
  });

  it('tells carriers that it never saw from clean samples, at a threshold that honest ones set', () => {
    const { honest, carriers, clean, fresh } = world(5);
    const threshold = carrierThreshold(honest, carriers, [...carriers, ...clean])!;
    expect(above(fresh, threshold)).toBeGreaterThan(0.95);
    expect(above(clean, threshold)).toBeLessThan(0.2);
    expect(above(honest, threshold)).toBeCloseTo(0.05, 1);
  });

  it('says that it cannot tell where there is no common trigger, or nothing honest to compare with', () => {
    const { honest, carriers, clean, fresh } = world(0);
    expect(carrierThreshold(honest, fresh, [...carriers, ...clean])).toBeUndefined();
    expect(carrierThreshold([], [1, 1, 1], [1, 1])).toBeUndefined();
    expect(carrierThreshold(honest, [], [])).toBeUndefined();
  });
});
