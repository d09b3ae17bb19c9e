import { describe, expect, it } from 'vitest';
import { divergenceFromOneHot } from '../../src/math/divergence.ts';

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
