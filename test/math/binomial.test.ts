import { describe, expect, it } from 'vitest';
import { logBinomialTail } from '../../src/math/binomial.ts';

describe('logBinomialTail', () => {
  // exact rational sums: sum(comb(n, j) * p**j * (1 - p)**(n - j) for j in range(k, n + 1)), fractions.Fraction
  it.each([
    [8, 10, 1 / 2, -2.9061201148643034],
    [3, 10, 2 / 3, -0.003409759277049673],
    [180, 200, 2 / 3, -32.06222693162667],
    [900, 1000, 2 / 3, -152.61643650422457],
    [1, 1000, 1 / 1000, -0.458384078092422],
    [600, 1000, 2 / 3, -4.429863218755519e-6],
    [1000, 1000, 2 / 3, -405.46510810816426],
  ])('is ln P(X ≥ %d) of %d draws with p = %d', (k, n, p, expected) => {
    expect(Math.abs(logBinomialTail(k, n, p) / expected - 1)).toBeLessThan(1e-8);
  });

  it('is certain, or impossible, at the ends', () => {
    expect(logBinomialTail(0, 10, 0.3)).toBe(0);
    expect(logBinomialTail(0, 0, 0.3)).toBe(0);
    expect(logBinomialTail(11, 10, 0.3)).toBe(Number.NEGATIVE_INFINITY);
  });
});
