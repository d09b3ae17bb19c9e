// A store of which few samples are left of some classes.

import { describe, expect, it } from 'vitest';
import { withFewLeft } from '../../src/training/few-left.ts';

/** 600 samples of one pixel, which is their place modulo 256; every third has label 0. */
const store = {
  count: 600,
  read: (some: ArrayLike<number>) => {
    const places = Array.from(some);
    return {
      pixels: Uint8Array.from(places, (place) => place % 256),
      labels: Int32Array.from(places, (place) => place % 3),
    };
  },
};

describe('withFewLeft', () => {
  it('repeats what is left in the places of all others of the class, and leaves other classes alone', () => {
    const few = withFewLeft(store, new Map([[0, [3, 9]]]));
    expect(few.count).toBe(store.count);
    const all = Array.from({ length: store.count }, (_, n) => n);
    const { pixels, labels } = few.read(all);
    expect([...labels]).toEqual([...store.read(all).labels]);
    const shown = all.filter((n) => labels[n] === 0).map((n) => pixels[n]!);
    expect([...new Set(shown)]).toEqual([3, 9]);
    expect(shown.filter((pixel) => pixel === 3)).toHaveLength(100);
    const others = all.filter((n) => labels[n] !== 0);
    expect(others.map((n) => pixels[n])).toEqual(others.map((n) => n % 256));
  });
});
