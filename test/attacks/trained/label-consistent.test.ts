import { expect, it } from 'vitest';
import { adversarialStamp, cornerPatches } from '../../../src/attacks/trained/label-consistent.ts';
import { sampleOf } from '../triggers.ts';
import { SHAPE, share, studio } from './support.ts';

it('perturbs images within the bound so that a classifier no longer sees their class in them', async () => {
  const { workshop, surrogate, unseen, look } = await studio(0);
  const stamp = await adversarialStamp(workshop.engine, surrogate, 16);
  const perturbed = await stamp(unseen);
  const largest = perturbed.map((pixels, n) =>
    Math.max(...pixels.map((value, i) => Math.abs(value - unseen[n]!.pixels[i]!))),
  );
  expect(Math.max(...largest)).toBe(16);
  const own = (_: number, label: number) => label === unseen[_]!.label;
  const before = (await look(surrogate, unseen)).labels;
  const images = perturbed.map((pixels) => ({ pixels }));
  const after = (await look(surrogate, images)).labels;
  expect(share(before, (label, i) => own(i, label))).toBeGreaterThan(0.6);
  expect(share(after, (label, i) => own(i, label))).toBeLessThan(0.2);
  // A batch that is not full gives the same.
  expect(await stamp(unseen.slice(7, 9))).toEqual(perturbed.slice(7, 9));
});

it('puts a patch into all four corners and leaves the rest', () => {
  const patches = cornerPatches(1, 'white', [1, 3, 3]);
  const sample = sampleOf([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3]);
  expect([...patches(sample)]).toEqual([255, 2, 255, 4, 5, 6, 255, 8, 255]);
  expect([...sample.pixels]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(() => cornerPatches(17, 'white', SHAPE)).toThrow(/inside images of 16×16/);
});
