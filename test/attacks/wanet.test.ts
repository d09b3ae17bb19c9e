import { expect, test } from 'vitest';
import { controlField, upsample, wanet } from '../../src/attacks/wanet.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';
import { drawn } from './triggers.ts';

test('the control field has a mean absolute value of 1', () => {
  const field = controlField(4, 9);
  expect(field.length).toBe(32);
  expect(field.reduce((sum, value) => sum + Math.abs(value), 0) / 32).toBeCloseTo(1, 6);
  expect(field.some((value) => value < 0) && field.some((value) => value > 0)).toBe(true);
  expect(controlField(4, 10)).not.toEqual(field);
});

test('upsampling is the cubic convolution with a = −0.75, corners on corners', () => {
  // halfway between two points the weights are −0.09375, 0.59375, 0.59375, −0.09375; the edge is repeated
  const expected = [0, 0.21875, 1, 2.125, 4, 6.78125, 9];
  const squares = Float32Array.from({ length: 16 }, (_, i) => (i % 4) ** 2);
  const wide = upsample(squares, 4, 5, 7);
  for (let y = 0; y < 5; y++) expect([...wide.subarray(7 * y, 7 * y + 7)]).toEqual(expected);
  const tall = upsample(
    squares.map((_, i) => Math.floor(i / 4) ** 2),
    4,
    7,
    1,
  );
  expect([...tall]).toEqual(expected);
});

/** By how many pixels the warp moves the place it reads from, by the paper's formula: [dx, dy] a pixel. */
function displacement(strength: number, [, height, width]: ImageShape, seed: number) {
  const field = controlField(4, seed);
  const dx = upsample(field.subarray(0, 16), 4, height, width);
  const dy = upsample(field.subarray(16), 4, height, width);
  return {
    dx: dx.map((value) => ((strength * value) / width) * ((width - 1) / 2)),
    dy: dy.map((value) => ((strength * value) / height) * ((height - 1) / 2)),
  };
}

const clip = (value: number, last: number) => Math.min(last, Math.max(0, value));

test.each<ImageShape>([
  [1, 28, 28],
  [3, 20, 32],
])('slopes read from the displaced places, %d×%d×%d', (...shape) => {
  // bilinear interpolation of a slope is exact, so the warped slope shows the displacement itself
  const [, height, width] = shape;
  const { dx, dy } = displacement(2, shape, 5);
  const { warp } = wanet({ grid: 4, strength: 2 }, shape, 5);
  const area = height * width;
  warp(drawn(shape, (_, x) => 7 * x)).forEach((value, i) => {
    const expected = 7 * clip((i % width) + dx[i % area]!, width - 1);
    expect(Math.abs(value - expected)).toBeLessThan(0.501);
  });
  warp(drawn(shape, (y) => 9 * y)).forEach((value, i) => {
    const expected = 9 * clip(Math.floor((i % area) / width) + dy[i % area]!, height - 1);
    expect(Math.abs(value - expected)).toBeLessThan(0.501);
  });
});

test('no strength, no change', () => {
  const sample = drawn([1, 8, 8], (y, x) => 31 * y + x);
  expect(wanet({ grid: 4, strength: 0 }, [1, 8, 8], 1).warp(sample)).toEqual(sample.pixels);
});

test('noise mode adds up to half a pixel, of its own for each image', () => {
  const shape = [1, 28, 28] as const;
  const { warp, noise } = wanet({ grid: 4, strength: 0.5 }, shape, 5);
  const slope = (id: string) => drawn(shape, (_, x) => 9 * x, id);
  const plain = warp(slope('a'));
  const differences = [...noise(slope('a'))].map((value, i) => value - plain[i]!);
  expect(Math.max(...differences.map(Math.abs))).toBeLessThanOrEqual(5); // 9 · 27 / 56 and rounding
  expect(differences.filter((value) => Math.abs(value) >= 2).length).toBeGreaterThan(300);
  expect(Math.abs(differences.reduce((sum, value) => sum + value, 0) / 784)).toBeLessThan(0.3);
  expect(noise(slope('b'))).not.toEqual(noise(slope('a')));
  expect(noise(slope('a'))).toEqual(noise(slope('a')));
});
