import { describe, expect, it } from 'vitest';
import { divergenceFromOneHot, entropy } from '../../src/math/divergence.ts';

describe('entropy', () => {
  it('is ln n for n equal counts, 0 for one label and for none', () => {
    expect(entropy([5, 5, 5, 5])).toBeCloseTo(Math.log(4), 14);
    expect(entropy([0, 9, 0])).toBe(0);
    expect(entropy([0, 0])).toBe(0);
    // -(0.75 ln 0.75 + 0.25 ln 0.25)
    expect(entropy([3, 1])).toBeCloseTo(0.5623351446188083, 14);
  });
});

describe('divergenceFromOneHot', () => {
  it('is −ln of the class’s share', () => {
    expect(divergenceFromOneHot([1, 3], 0)).toBeCloseTo(Math.log(4), 14);
    expect(divergenceFromOneHot([0, 3], 1)).toBe(0);
  });

  it('stays finite where the class was never seen, and refuses no counts', () => {
    expect(divergenceFromOneHot([0, 8], 0)).toBeCloseTo(Math.log(16), 14);
    expect(() => divergenceFromOneHot([0, 0], 0)).toThrow(RangeError);
  });
});
