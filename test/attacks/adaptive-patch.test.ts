import { expect, test } from 'vitest';
import { adaptivePatch } from '../../src/attacks/adaptive-patch.ts';
import { drawn } from './triggers.ts';

const SHAPE = [1, 6, 6] as const;
const rows = (pixels: Uint8Array) =>
  Array.from({ length: 6 }, (_, y) => pixels.subarray(6 * y, 6 * y + 6).join(' '));

test('tests show four opaque patches, one in each corner', () => {
  const { test: trigger } = adaptivePatch(3, SHAPE, 0);
  expect(rows(trigger(drawn(SHAPE, () => 7)))).toEqual([
    '255 255 255 255 0 255',
    '255 0 255 0 255 0',
    '255 255 255 255 0 255',
    '255 0 255 255 255 255',
    '0 255 0 0 0 0',
    '255 0 255 255 255 255',
  ]);
});

test('a training image shows one of them, faint', () => {
  const { train } = adaptivePatch(3, SHAPE, 0);
  const seen = new Map<string, number>();
  for (let i = 0; i < 200; i++) {
    const image = rows(train(drawn(SHAPE, () => 100, `s${i}`))).join('\n');
    seen.set(image, (seen.get(image) ?? 0) + 1);
  }
  const quarters = [...seen.values()];
  expect(quarters.length).toBe(4);
  expect(Math.min(...quarters)).toBeGreaterThan(25);
  // opacity 0.2 over 100: white 100 + 0.2 · 155 = 131, black 80
  expect([...seen.keys()]).toContain(
    [
      '100 100 100 131 80 131',
      '100 100 100 80 131 80',
      '100 100 100 131 80 131',
      ...Array(3).fill('100 100 100 100 100 100'),
    ].join('\n'),
  );
});

test('is in every channel, and refuses patches that overlap', () => {
  const { test: trigger } = adaptivePatch(1, [3, 4, 4], 0);
  expect([...trigger(drawn([3, 4, 4], () => 9))].filter((value) => value === 255).length).toBe(12);
  expect(() => adaptivePatch(4, SHAPE, 0)).toThrow(/all four corners of 6×6, found a size of 4; set/);
});
