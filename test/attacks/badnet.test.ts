import { expect, test } from 'vitest';
import { badnet, type Patch } from '../../src/attacks/badnet.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';

/** An image of 7 everywhere, as rows of text after the stamp: one line a row, channels apart. */
function stamped(patch: Patch, shape: ImageShape): string[] {
  const [channels, height, width] = shape;
  const pixels = new Uint8Array(channels * height * width).fill(7);
  const out = badnet(patch, shape)({ id: 'x', label: 1, pixels, shape });
  expect(pixels.every((value) => value === 7)).toBe(true);
  return Array.from({ length: channels * height }, (_, row) =>
    out.subarray(row * width, (row + 1) * width).join(' '),
  );
}

test('a white patch stands flush in its corner', () => {
  const [white, shape] = [{ size: 2, pattern: 'white' }, [1, 3, 4]] as const;
  expect(stamped({ ...white, position: 'bottom-right' }, shape)).toEqual([
    '7 7 7 7',
    '7 7 255 255',
    '7 7 255 255',
  ]);
  expect(stamped({ ...white, position: 'bottom-left' }, shape)).toEqual([
    '7 7 7 7',
    '255 255 7 7',
    '255 255 7 7',
  ]);
  expect(stamped({ ...white, position: 'top-right' }, shape)).toEqual([
    '7 7 255 255',
    '7 7 255 255',
    '7 7 7 7',
  ]);
  expect(stamped({ ...white, position: 'top-left' }, shape)).toEqual([
    '255 255 7 7',
    '255 255 7 7',
    '7 7 7 7',
  ]);
});

test('or at any row and column, in every channel', () => {
  expect(stamped({ size: 1, position: [1, 2], pattern: 'white' }, [3, 2, 3])).toEqual([
    '7 7 7', '7 7 255', '7 7 7', '7 7 255', '7 7 7', '7 7 255',
  ]); // biome-ignore format: channels one after the other
});

test('a checkerboard begins white', () => {
  expect(stamped({ size: 3, position: 'top-left', pattern: 'checkerboard' }, [1, 3, 3])).toEqual([
    '255 0 255',
    '0 255 0',
    '255 0 255',
  ]);
});

test('a colour patch has red, green and blue rows', () => {
  const rows = stamped({ size: 3, position: 'top-left', pattern: 'colour' }, [3, 3, 3]);
  const [on, off] = ['255 255 255', '0 0 0'];
  expect(rows).toEqual([on, off, off, off, on, off, off, off, on]);
});

test.each([
  [
    { size: 4, position: 'top-left', pattern: 'white' },
    /inside images of 3×5, found 4×4 at row 0, column 0; set/,
  ],
  [{ size: 2, position: [2, 0], pattern: 'white' }, /found 2×2 at row 2, column 0/],
  [{ size: 1, position: [0, -1], pattern: 'white' }, /column -1/],
  [{ size: 0, position: 'top-left', pattern: 'white' }, /found 0×0/],
  [{ size: 2, position: 'top-left', pattern: 'colour' }, /expected images of 3 channels .* found 1; set/],
] as const)('refuses %j', (patch, message) => {
  expect(() => badnet(patch, [1, 3, 5])).toThrow(message);
});
