// What another observer says of samples that it never learned, where their truth is known.

import { describe, expect, it } from 'vitest';
import type { Named } from '../../../src/defense/verdict/placebo.ts';
import {
  areStrangers,
  logPOfAgreement,
  type Renamed,
  renamed,
  type Seen,
  splitAtRandom,
} from '../../../src/defense/verdict/refit.ts';

const LABEL = 0;
/** Samples of class 0 whose purified images are called so. */
const called = (names: readonly number[]): readonly Named[] =>
  names.map((name, n) => ({ of: { id: `${n}`, label: LABEL, raw: LABEL, scores: [] }, name }));

/** What their purified images show, and what the other observer calls them. */
const seen = (names: readonly number[], raw: readonly number[]): readonly Seen[] =>
  names.map((name, n) => ({ name, raw: raw[n]! }));

describe('renamed', () => {
  it('counts who is called something else, and the same by both observers', () => {
    const found = renamed(LABEL, seen([1, 2, 3, 0, 1], [1, 2, 1, 0, 0]));
    expect(found).toMatchObject({ suspects: 5, away: 3, agreed: 2 });
    // called 1, 2, 1 raw and 1, 2, 3 purified: 2/3 × 1/3 + 1/3 × 1/3
    expect(found.chance).toBeCloseTo(1 / 3);
  });

  it('has nothing to say of nobody', () => {
    expect(renamed(LABEL, [])).toEqual({ suspects: 0, away: 0, agreed: 0, chance: 0 });
    expect(areStrangers([renamed(LABEL, seen([1, 1], [0, 0]))])).toBe(false);
  });
});

describe('logPOfAgreement', () => {
  const honest: Renamed = { suspects: 80, away: 60, agreed: 0, chance: 0.1 };
  const poison: Renamed = { suspects: 40, away: 40, agreed: 24, chance: 0.1 };

  it('tells poison, which both call by what it shows', () => {
    expect(areStrangers([poison])).toBe(true);
    expect(areStrangers([poison, { ...honest, suspects: 200 }])).toBe(false);
    expect(logPOfAgreement(poison, [honest])).toBeLessThan(Math.log(1e-6));
  });

  it('does not tell what agrees by chance: all are called the same one thing', () => {
    const alike = { ...poison, agreed: 38, chance: 0.92 };
    expect(logPOfAgreement(alike, [honest])).toBe(0);
    expect(logPOfAgreement({ ...poison, agreed: 5 }, [honest])).toBeGreaterThan(Math.log(0.1));
  });

  it('does not tell labels that are as wrong in other classes, nor where there are none', () => {
    const noisy = [
      { ...honest, agreed: 36 },
      { ...honest, agreed: 40 },
    ];
    expect(logPOfAgreement(poison, noisy)).toBeGreaterThan(Math.log(0.1));
    expect(logPOfAgreement({ ...poison, agreed: 30 }, [])).toBeGreaterThan(Math.log(0.01));
  });
});

describe('splitAtRandom', () => {
  it('shows a quarter of the samples and asks about a half, others', () => {
    const samples = called(Array.from({ length: 21 }, () => 0));
    const { left, suspects } = splitAtRandom(samples);
    expect([left.length, suspects.length]).toEqual([6, 11]);
    expect(left.filter((one) => suspects.includes(one))).toEqual([]);
  });
});
