import { describe, expect, it } from 'vitest';
import { median, medianAbsoluteDeviation } from '../../src/math/robust.ts';

describe('median', () => {
  it('takes the middle, or the mean of the middle two, and leaves its input alone', () => {
    const values = [10, 2, 33];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 2, 33]);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });
});

describe('medianAbsoluteDeviation', () => {
  it('ignores an outlier', () => {
    expect(medianAbsoluteDeviation([1, 2, 3, 4, 1000])).toBe(1);
    expect(medianAbsoluteDeviation([5, 5, 5])).toBe(0);
  });
});
