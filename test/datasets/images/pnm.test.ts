import { expect, test } from 'vitest';
import { decodePnm } from '../../../src/datasets/images/pnm.ts';
import { SampleError } from '../../../src/errors.ts';
import { pixelsOf, ppmOf } from '../make.ts';

const MAX = 2 ** 20;
const bytes = (header: string, ...data: number[]) => Buffer.concat([Buffer.from(header), Buffer.from(data)]);

test.each([[[1, 5, 7]], [[3, 4, 6]], [[3, 1, 1]]] as const)('decodes %j', (shape) => {
  expect(decodePnm(ppmOf(3, shape), MAX)).toEqual({ pixels: pixelsOf(3, shape), shape });
});

test('colors become planes; pixels may look like white space or comments', () => {
  const image = bytes('P6 2 1 255\n', 10, 35, 32, 1, 2, 3);
  expect(decodePnm(image, MAX)).toEqual({
    pixels: Uint8Array.of(10, 1, 35, 2, 32, 3),
    shape: [3, 1, 2],
  });
});

test('headers with comments and any white space', () => {
  const header = 'P5\n# made by hand\r\n#\n\t2 # columns\n 1\n#rows\n255 ';
  expect(decodePnm(bytes(header, 7, 9), MAX)).toEqual({ pixels: Uint8Array.of(7, 9), shape: [1, 1, 2] });
});

test.each([
  ['truncated', bytes('P6 2 1 255\n', 1, 2, 3, 4, 5), /expected 6 bytes of PPM pixels, found 5; fetch/],
  ['overlong', bytes('P5 2 1 255\n', 1, 2, 10), /expected 2 bytes of PPM pixels, found 3/],
  [
    'header only',
    bytes('P5 2 1 255'),
    /expected a binary PPM \(P6\) or PGM \(P5\) .*found "P5 2 1 255"; convert/,
  ],
  ['huge', bytes('P6 30000 30000 255\n', 1), /at most 1048576 pixels, found a PPM header of 30000×30000/],
  ['beyond numbers', bytes(`P6 ${'9'.repeat(400)} 1 255\n`), /found a PPM header of Infinity×1/],
  ['empty', bytes('P6 0 5 255\n'), /at least 1 .* found a PPM header of 0×5/],
  ['16 bits', bytes('P5 1 1 65535\n', 1, 2), /a maximum of 255, found a maximum of 65535; convert/],
  ['7 bits', bytes('P5 1 1 127\n', 1), /found a maximum of 127/],
  ['text', bytes('P3\n1 1 255\n1 2 3\n'), /found "P3\\n1 1 255\\n1 2 3"/],
  ['bitmap', bytes('P4 8 1\n', 255), /expected a binary PPM/],
  ['negative', bytes('P5 -1 1 255\n', 1), /expected a binary PPM/],
  ['endless comment', bytes(`P5 ${'#'.repeat(5000)}\n1 1 255\n`, 1), /expected a binary PPM/],
  ['endless comments', bytes(`P5 ${'# \n'.repeat(5000)}`), /expected a binary PPM/],
])('refuses: %s', (_, image, message) => {
  expect(() => decodePnm(image, MAX)).toThrow(SampleError);
  expect(() => decodePnm(image, MAX)).toThrow(message);
});
