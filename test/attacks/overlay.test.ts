import { expect, test } from 'vitest';
import { pictureTrigger } from '../../src/attacks/overlay.ts';
import { fitPicture, noisePicture, ringsPicture, withChannels } from '../../src/attacks/picture.ts';
import type { Image } from '../../src/datasets/entry.ts';
import { drawn } from './triggers.ts';

const gray = (values: number[], height: number): Image => ({
  pixels: Uint8Array.from(values),
  shape: [1, height, values.length / height],
});

test('a picture is a patch as it is, in its corner', () => {
  const trigger = pictureTrigger(gray([1, 2, 3, 4, 5, 6], 2), undefined, 'bottom-right', [1, 3, 4]);
  expect([...trigger(drawn([1, 3, 4], () => 9))]).toEqual([9, 9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6]);
});

test('a mask says how opaque it is; gray pictures are put on all channels', () => {
  const mask = gray([255, 0, 51, 255], 2);
  const trigger = pictureTrigger(gray([10, 20, 30, 40], 2), mask, 'top-left', [3, 2, 2]);
  const channel = [10, 100, 86, 40]; // 0.2 · 30 + 0.8 · 100
  expect([...trigger(drawn([3, 2, 2], () => 100))]).toEqual([...channel, ...channel, ...channel]);
});

test('refuses a picture that is too large and a mask of another size', () => {
  const picture = gray([1, 2, 3, 4], 2);
  expect(() => pictureTrigger(picture, undefined, 'top-left', [1, 2, 1])).toThrow(/at most 2×1, found 2×2/);
  expect(() => pictureTrigger(picture, gray([1, 2], 1), 'top-left', [1, 4, 4])).toThrow(
    /attack.mask: expected 2×2 .* found 1×2/,
  );
});

test('pictures are scaled with edge on edge', () => {
  const picture = gray([0, 100, 200, 40], 2);
  expect(fitPicture(picture, [1, 2, 2])).toEqual(picture);
  expect([...fitPicture(picture, [1, 1, 1]).pixels]).toEqual([85]);
  // places −0.25 (held at the edge), 0.25, 0.75 and 1.25 of the old columns
  expect([...fitPicture(gray([0, 100], 1), [1, 1, 4]).pixels]).toEqual([0, 25, 75, 100]);
  expect(fitPicture(picture, [3, 4, 5]).pixels.length).toBe(60);
});

test('RGB becomes gray by its luma', () => {
  const rgb: Image = { pixels: Uint8Array.of(255, 0, 0, 255, 0, 0), shape: [3, 1, 2] };
  expect([...withChannels(rgb, 1).pixels]).toEqual([76, 150]);
});

test('built-in pictures fill any size', () => {
  const noise = noisePicture([3, 28, 28], 1);
  expect(noise.pixels.length).toBe(3 * 784);
  const mean = noise.pixels.reduce((sum, value) => sum + value, 0) / noise.pixels.length;
  expect(Math.abs(mean - 127.5)).toBeLessThan(5);
  expect(noisePicture([3, 28, 28], 2).pixels).not.toEqual(noise.pixels);
  const { pixels } = ringsPicture([1, 8, 8]);
  expect(pixels).toEqual(Uint8Array.from(pixels).reverse()); // the same from every side
  // cos(2π·√½ / 2) = −0.606 in the middle, where a ring is two pixels wide
  expect(pixels[3 * 8 + 3]).toBe(50);
});
