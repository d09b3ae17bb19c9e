import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  drawShape,
  SHAPE_CLASSES,
  SHAPE_SPLITS,
  SHAPES_SHAPE,
  type ShapeSplit,
} from '../../../../src/datasets/formats/shapes/drawn-shapes.ts';
import { openDataset } from '../../../../src/datasets/open.ts';

function digest(split: ShapeSplit, count: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < count; i++) hash.update(drawShape(split, i).pixels);
  return hash.digest('hex').slice(0, 16);
}

test('the images are the same everywhere and always', () => {
  // the demo's denoiser was trained on these: whoever changes them must train it anew
  expect(digest('train', 20)).toBe('a6d1cd3bdbe17db9');
  expect(digest('test', 20)).toBe('b40e5ab27038919b');
  expect(digest('denoiser', 20)).toBe('80a05046907dedfb');
  expect(drawShape('test', 7)).toEqual(drawShape('test', 7));
});

test('no image occurs twice, within a split or in two', () => {
  const seen = new Set<string>();
  for (const split of ['train', 'test', 'denoiser'] as const) {
    for (let i = 0; i < 300; i++) seen.add(Buffer.from(drawShape(split, i).pixels).toString('latin1'));
  }
  expect(seen.size).toBe(900);
});

test('is a dataset like any other, balanced over ten classes', async () => {
  const dataset = await openDataset('shapes:test');
  expect(dataset.info).toMatchObject({ format: 'shapes', classes: 10, classNames: SHAPE_CLASSES });
  const perClass = new Array(10).fill(0);
  const ids = new Set<string>();
  for await (const result of dataset.read()) {
    if (!result.ok) throw new Error(result.quarantined.message);
    perClass[result.sample.label]++;
    ids.add(result.sample.id);
  }
  expect(perClass).toEqual(new Array(10).fill(50));
  expect(ids.size).toBe(SHAPE_SPLITS.test.count);
  await expect(openDataset('shapes:tests')).rejects.toThrow(
    /expected shapes:train, shapes:test, shapes:denoiser, found/,
  );
});

test('the objects stand out from their ground, but not by colour, place or brightness of a class', () => {
  expect(SHAPE_CLASSES.length).toBe(10);
  expect(SHAPES_SHAPE).toEqual([3, 32, 32]);
  // nearest class mean, the simplest linear classifier, must not do much better than chance
  const means = SHAPE_CLASSES.map(() => new Float64Array(3072));
  for (let i = 0; i < 1500; i++) {
    const { label, pixels } = drawShape('train', i);
    for (let at = 0; at < 3072; at++) means[label]![at]! += pixels[at]! / 150;
  }
  let right = 0;
  for (let i = 0; i < 300; i++) {
    const { label, pixels } = drawShape('test', i);
    const distances = means.map((mean) =>
      mean.reduce((sum, value, at) => sum + (value - pixels[at]!) ** 2, 0),
    );
    if (distances.indexOf(Math.min(...distances)) === label) right++;
  }
  expect(right / 300).toBeLessThan(0.35);
});
