import { expect, test } from 'vitest';
import { bpp } from '../../src/attacks/bpp.ts';
import { drawn, sampleOf } from './triggers.ts';

test('one bit, by hand', () => {
  // 100 → 0, error 100: 143.75 to the right, 131.25 below, 106.25 across;
  // 143.75 → 255, error −111.25: 110.4 below left, 71.5 below; 110.4 → 0; 71.5 + 48.3 = 119.8 → 0
  const sample = sampleOf([100, 100, 100, 100], [1, 2, 2]);
  expect([...bpp(1, [1, 2, 2])(sample)]).toEqual([0, 255, 0, 0]);
  expect([...sample.pixels]).toEqual([100, 100, 100, 100]);
});

test('leaves 2^d levels and keeps the mean, each channel by itself', () => {
  const shape = [3, 16, 16] as const;
  const sample = drawn(shape, (y, x, c) => (c === 2 ? 0 : 60 + 7 * y + 2 * x + 20 * c));
  const stamped = bpp(3, shape)(sample);
  const levels = [0, 36, 73, 109, 146, 182, 219, 255];
  expect(stamped.every((value) => levels.includes(value))).toBe(true);
  for (const c of [0, 1, 2]) {
    const mean = (pixels: Uint8Array) =>
      pixels.subarray(c * 256, (c + 1) * 256).reduce((sum, value) => sum + value, 0) / 256;
    expect(Math.abs(mean(stamped) - mean(sample.pixels))).toBeLessThan(2);
  }
});

test('what has the right levels already stays', () => {
  const shape = [1, 4, 4] as const;
  const sample = drawn(shape, (y, x) => ((y + x) % 4) * 85);
  expect(bpp(2, shape)(sample)).toEqual(sample.pixels);
});
