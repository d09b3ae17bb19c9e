import { expect, test } from 'vitest';
import { adaptiveBlend } from '../../src/attacks/adaptive-blend.ts';
import { blended } from '../../src/attacks/blended.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';
import { drawn, sampleOf } from './triggers.ts';

test('blended is α·k + (1 − α)·x', () => {
  const sample = sampleOf([0, 100, 200, 255], [1, 2, 2]);
  // 0.2 · 255 = 51, 0.2 · 0 + 80, 0.2 · 55 + 160, 0.2 · 255 + 204
  expect([...blended(Uint8Array.of(255, 0, 55, 255), 0.2)(sample)]).toEqual([51, 80, 171, 255]);
  expect([...sample.pixels]).toEqual([0, 100, 200, 255]);
});

test('of several channels each gets its own', () => {
  const sample = sampleOf([0, 0, 0], [3, 1, 1]);
  expect([...blended(Uint8Array.of(10, 100, 200), 0.5)(sample)]).toEqual([5, 50, 100]);
});

test.each<[ImageShape, number]>([
  [[1, 32, 32], 8],
  [[3, 28, 28], 7],
])('adaptive-blend shows half of the pieces of %j', (shape, side) => {
  const white = new Uint8Array(shape[0] * shape[1] * shape[2]).fill(255);
  const trigger = adaptiveBlend(white, 0.2, shape, 3);
  const shown = (id: string) => {
    const stamped = trigger(drawn(shape, () => 0, id));
    const pieces = Array.from({ length: 16 }, (_, piece) => {
      const [top, left] = [Math.floor(piece / 4) * side, (piece % 4) * side];
      const values = new Set<number>();
      stamped.forEach((value, i) => {
        const [y, x] = [Math.floor((i % (shape[1] * shape[2])) / shape[2]), i % shape[2]];
        if (y >= top && y < top + side && x >= left && x < left + side) values.add(value);
      });
      expect(values.size).toBe(1); // a piece shows in whole, in every channel, or not at all
      return [...values][0];
    });
    expect(pieces.every((value) => value === 0 || value === 51)).toBe(true);
    return pieces.flatMap((value, piece) => (value === 51 ? [piece] : []));
  };
  const sets = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(shown);
  expect(sets.every((pieces) => pieces.length === 8)).toBe(true);
  expect(new Set(sets.flat()).size).toBe(16);
  expect(shown('a')).toEqual(sets[0]);
  expect(sets[1]).not.toEqual(sets[0]);
});

test('a size that does not divide has pieces that differ by a pixel', () => {
  const shape = [1, 5, 6] as const;
  const stamped = adaptiveBlend(new Uint8Array(30).fill(255), 1, shape, 0)(drawn(shape, () => 0));
  const count = stamped.filter((value) => value === 255).length;
  expect(count).toBeGreaterThan(8);
  expect(count).toBeLessThan(22);
});
