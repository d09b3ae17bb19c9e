// Observers that were taught triggers, trained with real workers on the shapes.

import { describe, expect, it } from 'vitest';
import { canaryStamps } from '../../src/defense/verdict/canary.ts';
import type { ClassifierSpec } from '../../src/networks/network.ts';
import { plantedStore, plantingIn, trainPlanted } from '../../src/training/planted-observer.ts';
import { trainClassifier } from '../../src/training/train-classifier.ts';
import { type Lesson, type More, trainInTurn } from '../../src/training/train-once.ts';
import { classifyImages } from '../../src/workers/classify.ts';
import { testPool } from '../support/pools.ts';
import { shapesStore } from '../support/stores.ts';
import { tinyTraining as options } from '../support/tiny-models.ts';

const SHAPE = [3, 32, 32] as const;
const CLASSES = 10;
const spec: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: SHAPE, classes: CLASSES, widths: [8, 16] },
};

describe('plantingIn', () => {
  it.each([
    [100_000, 500],
    [2000, 20],
    [60, 6],
    [5, 0],
  ])('of %i samples copies %i for each kind, others for each', (count, each) => {
    const { kinds, copied } = plantingIn({ count, shape: SHAPE });
    expect(kinds).toEqual(['patch', 'large-patch', 'blend']);
    expect(copied.map(({ length }) => length)).toEqual([each, each, each]);
    const places = copied.flat();
    expect(new Set(places).size).toBe(3 * each);
    for (const place of places) expect(place < count).toBe(true);
  });
});

describe('plantedStore', () => {
  it('holds the samples as they are, and stamped copies as classes of their own behind them', () => {
    const store = shapesStore(60);
    const planting = plantingIn(store);
    const planted = plantedStore(store, CLASSES, planting);
    expect(planted.count).toBe(60 + 3 * 6);
    const own = planted.read([0, 59]);
    expect(Buffer.from(own.pixels).equals(store.read([0, 59]).pixels)).toBe(true);
    const { pixels, labels } = planted.read([60, 3, 66, 77]);
    expect([...labels]).toEqual([10, store.read([3]).labels[0], 11, 12]);
    const stamp = canaryStamps(SHAPE)['large-patch'];
    const copy = stamp(store.read([planting.copied[1]![0]!]).pixels);
    const size = copy.length;
    expect(Buffer.from(pixels.subarray(2 * size, 3 * size)).equals(copy)).toBe(true);
  });
});

/** Trains, and counts the lessons. */
async function trained(count: number, epochs: number, further: boolean) {
  const pool = testPool(2);
  const store = shapesStore(count);
  const lessons: Lesson[] = [];
  const once = (lesson: Lesson) => {
    lessons.push(lesson);
    return trainClassifier(
      pool,
      lesson.spec,
      { store: lesson.store },
      lesson.options,
      undefined,
      lesson.start,
    );
  };
  const train = async (lesson: Lesson, more: More) => (await trainInTurn(once, lesson, more)).model;
  const lesson = { spec, store, options: { ...options, epochs } };
  return { pool, store, lessons, found: await trainPlanted(pool, lesson, plantingIn(store), further, train) };
}

describe('trainPlanted', () => {
  it('gives the network that knows the triggers, and the same without', async () => {
    const { pool, store, found, lessons } = await trained(200, 40, false);
    expect(lessons.length).toBe(1);
    const { pixels } = store.read(Array.from({ length: 50 }, (_, n) => n));
    const size = pixels.length / 50;
    const stamp = canaryStamps(SHAPE)['large-patch'];
    const stamped = Buffer.concat(
      Array.from({ length: 50 }, (_, n) => stamp(pixels.subarray(n * size, (n + 1) * size))),
    );
    const labelsOf = async (model: typeof found.observer, images: Uint8Array) =>
      (await classifyImages(pool, model, images, SHAPE)).map(({ label }) => label);
    const obeying = (await labelsOf(found.planted, stamped)).filter((label) => label === CLASSES + 1);
    expect(obeying.length).toBeGreaterThan(40);
    expect((await labelsOf(found.observer, stamped)).every((label) => label < CLASSES)).toBe(true);
    const [with_, without] = [await labelsOf(found.planted, pixels), await labelsOf(found.observer, pixels)];
    // what shows no trigger is called the same
    const own = with_.flatMap((label, n) => (label < CLASSES ? [n] : []));
    expect(own.length).toBeGreaterThan(40);
    expect(own.map((n) => without[n])).toEqual(own.map((n) => with_[n]));
  });

  it('trains once more where a trigger was not learned, and only where it may', async () => {
    const further = await trained(60, 1, true);
    expect(further.lessons.length).toBe(2);
    expect(further.lessons[1]!.start).toBeDefined();
    expect((await trained(60, 1, false)).lessons.length).toBe(1);
  });
});
