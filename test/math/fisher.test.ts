import { describe, expect, it } from 'vitest';
import { combineLogPs } from '../../src/math/fisher.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';

describe('combineLogPs', () => {
  it('is the tail of χ²', () => {
    expect(combineLogPs([Math.log(0.03)])).toBeCloseTo(Math.log(0.03), 12);
    // χ² with 4 degrees of freedom: e^{-x} (1 + x) at x = -ln(0.05 · 0.2) = ln 100
    expect(combineLogPs([Math.log(0.05), Math.log(0.2)])).toBeCloseTo(
      Math.log((1 + Math.log(100)) / 100),
      12,
    );
    expect(combineLogPs([0, 0, 0])).toBe(0);
    expect(combineLogPs([])).toBe(0);
  });

  it('stays finite for evidence beyond the range of doubles', () => {
    expect(combineLogPs([-1000, -2000, -3000])).toBeCloseTo(-6000 + Math.log(6000 ** 2 / 2 + 6000 + 1), 6);
  });

  it('gives uniform p-values for uniform p-values', () => {
    const stream = new RandomStream(randomKey(2, 'fisher'));
    const draws = Array.from({ length: 20_000 }, () =>
      combineLogPs([stream, stream, stream].map((source) => Math.log(source.uniform() + 2 ** -33))),
    );
    for (const level of [0.01, 0.1, 0.5]) {
      const share = draws.filter((logP) => logP <= Math.log(level)).length / draws.length;
      expect(Math.abs(share - level)).toBeLessThan(4 * Math.sqrt((level * (1 - level)) / draws.length));
    }
  });
});
