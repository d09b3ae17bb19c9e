import { expect, it } from 'vitest';
import { pictureTrigger } from '../../../src/attacks/overlay.ts';
import { noisePicture } from '../../../src/attacks/picture.ts';
import { trojanTrigger, wellConnected } from '../../../src/attacks/trained/trojan.ts';
import { SHAPE, studio } from './support.ts';

it('excites well-connected neurons, much more than a random patch of the same place and size', async () => {
  const { workshop, surrogate, unseen, look } = await studio(60);
  const trigger = await trojanTrigger(workshop, surrogate, { size: 5, position: 'top-right' });
  const random = pictureTrigger(noisePicture([1, 5, 5], 1), undefined, 'top-right', SHAPE);
  const chosen = wellConnected(surrogate);
  const excitement = async (images: readonly Uint8Array[]) => {
    const { features } = await look(
      surrogate,
      images.map((pixels) => ({ pixels })),
    );
    const width = features.length / images.length;
    const of = images.map((_, n) => chosen.reduce((sum, neuron) => sum + features[n * width + neuron]!, 0));
    return of.reduce((a, b) => a + b) / of.length;
  };
  const excited = await excitement(unseen.map(trigger));
  expect(excited).toBeGreaterThan(1.3 * (await excitement(unseen.map(random))));
  expect(excited).toBeGreaterThan(1.3 * (await excitement(unseen.map(({ pixels }) => pixels))));

  const [first, second] = [trigger(unseen[0]!), trigger(unseen[1]!)];
  first.forEach((value, at) => {
    const inside = at < 5 * 16 && at % 16 >= 11;
    expect(value).toBe(inside ? second[at] : unseen[0]!.pixels[at]);
  });
});

it('calls those neurons well connected whose weights to the labels are largest in sum', async () => {
  const spec = { kind: 'small-cnn', config: { shape: SHAPE, classes: 2, widths: [6] } } as const;
  const data = Float32Array.of(1, -5, 0, 2, 3, 1, /* second label */ 1, 5, 0, -2, 3, -2);
  const weights = new Map([['linear.weight', { shape: [2, 6], data }]]);
  expect(wellConnected({ spec, weights })).toEqual([1, 4, 3, 5]);
});
