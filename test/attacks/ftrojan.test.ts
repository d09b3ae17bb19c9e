import { expect, test } from 'vitest';
import { blockWaves, ftrojan } from '../../src/attacks/ftrojan.ts';
import { drawn } from './triggers.ts';

/** The orthonormal DCT-II of an N × N block, by its definition. */
function dct(block: ArrayLike<number>, size: number): number[] {
  const basis = (u: number, x: number) =>
    Math.sqrt((u === 0 ? 1 : 2) / size) * Math.cos((Math.PI * (2 * x + 1) * u) / (2 * size));
  const pass = (values: ArrayLike<number>) =>
    Array.from({ length: size * size }, (_, at) => {
      const [u, other] = [Math.floor(at / size), at % size];
      let sum = 0;
      for (let x = 0; x < size; x++) sum += basis(u, x) * values[other * size + x]!;
      return sum;
    });
  return pass(pass(block));
}

test.each([
  [32, [15, 31]],
  [28, [13, 27]],
])('a block of %d has a middle and a high frequency, and no other', (size, frequencies) => {
  const spectrum = dct(blockWaves(30, size, size), size);
  spectrum.forEach((value, at) => {
    const [v, u] = [Math.floor(at / size), at % size];
    expect(value).toBeCloseTo(u === v && frequencies.includes(u) ? 30 : 0, 9);
  });
});

test('the waves are those of another implementation', () => {
  // scipy.fft.idctn of a block with 30 at [15, 15] and at [31, 31], norm='ortho'
  const waves = blockWaves(30, 32, 32);
  expect(waves[0]).toBeCloseTo(1.0339053878037785, 9);
  expect(waves[5 * 32 + 7]).toBeCloseTo(0.6249896798228871, 9);
});

test('larger images are made of blocks; what is left beside them stays', () => {
  const waves = blockWaves(30, 40, 64);
  for (const at of [0, 1, 64, 650]) expect(waves[at + 32]).toBe(waves[at]);
  expect(waves.subarray(32 * 64).every((value) => value === 0)).toBe(true);
});

test('gray images get the waves, colour images in U and V alone', () => {
  const waves = blockWaves(100, 32, 32);
  const gray = ftrojan(100, [1, 32, 32])(drawn([1, 32, 32], () => 128));
  expect([...gray]).toEqual([...waves].map((wave) => Math.round(128 + wave)));
  const colour = ftrojan(100, [3, 32, 32])(drawn([3, 32, 32], () => 128));
  waves.forEach((wave, i) => {
    const [r, g, b] = [0, 1, 2].map((c) => colour[c * 1024 + i]! - 128) as [number, number, number];
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    expect(Math.abs(y)).toBeLessThanOrEqual(0.51);
    expect(Math.abs(0.492 * (b - y) - wave)).toBeLessThan(0.6);
    expect(Math.abs(0.877 * (r - y) - wave)).toBeLessThan(0.9);
  });
});
