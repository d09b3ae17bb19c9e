import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { badnet } from '../../src/attacks/badnet.ts';
import { allToOne, type LabelMap } from '../../src/attacks/label-map.ts';
import { poison, selectPoisoned, triggered } from '../../src/attacks/poison.ts';
import { formatTruth, readTruth } from '../../src/attacks/truth.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { pixelsOf, temporaryFolder } from '../datasets/make.ts';

const SHAPE = [1, 4, 4] as const;
const samples: Sample[] = Array.from({ length: 1000 }, (_, i) => ({
  id: `s${i}`,
  label: i % 5,
  pixels: pixelsOf(i, SHAPE),
  shape: SHAPE,
}));
const attack = {
  trigger: badnet({ size: 2, position: 'bottom-right', pattern: 'white' }, SHAPE),
  labels: allToOne(3, 5),
};

describe('the choice', () => {
  test.each([[0], [0.001], [0.0125], [0.1], [0.333], [0.8]])('of a share of %d is exact', (rate) => {
    const chosen = samples.filter(selectPoisoned(samples, attack.labels, rate, 7));
    expect(chosen.length).toBe(Math.round(rate * 1000));
    expect(chosen.some((sample) => sample.label === 3)).toBe(false);
  });

  test('depends on the seed and the ids, not on the order', () => {
    const ids = (order: Sample[], seed: number) =>
      samples.filter(selectPoisoned(order, attack.labels, 0.1, seed)).map((sample) => sample.id);
    expect(ids([...samples].reverse(), 7)).toEqual(ids(samples, 7));
    const shared = ids(samples, 7).filter((id) => ids(samples, 8).includes(id));
    expect(shared.length).toBeLessThan(40); // 100 of 800 twice share 12.5 by chance
  });

  test('a smaller share is part of a larger one', () => {
    const small = samples.filter(selectPoisoned(samples, attack.labels, 0.05, 7));
    expect(small.every(selectPoisoned(samples, attack.labels, 0.2, 7))).toBe(true);
  });

  test('spreads over the samples', () => {
    const chosen = selectPoisoned(samples, attack.labels, 0.4, 7);
    const perFifth = [0, 1, 2, 3, 4].map((i) => samples.slice(i * 200, i * 200 + 200).filter(chosen).length);
    expect(perFifth.reduce((a, b) => a + b)).toBe(400);
    for (const count of perFifth) expect(Math.abs(count - 80)).toBeLessThan(30);
  });

  test('a clean-label map takes its share of the target class', () => {
    const cleanLabel: LabelMap = {
      eligible: (label) => label === 2,
      relabel: (label) => label,
      rateOf: 'eligible',
      tests: (label) => label !== 2,
    };
    const chosen = samples.filter(selectPoisoned(samples, cleanLabel, 0.5, 1));
    expect(chosen.length).toBe(100);
    expect(chosen.every((sample) => sample.label === 2)).toBe(true);
  });

  test('refuses more than there are', () => {
    expect(() => selectPoisoned(samples, attack.labels, 0.9, 1)).toThrow(
      'expected at least 900 samples that can be poisoned (0.9 of 1000), found 800; lower attack.rate',
    );
    expect(samples.some(selectPoisoned([], attack.labels, 1, 1))).toBe(false);
  });
});

test('poisoned samples are stamped and relabelled, the others are the same objects', () => {
  const chosen = selectPoisoned(samples, attack.labels, 0.1, 7);
  let poisoned = 0;
  for (const before of samples) {
    const { sample, truth } = poison(before, attack, chosen);
    expect(truth).toEqual({ id: before.id, poisoned: chosen(before), trueLabel: before.label });
    if (!truth.poisoned) {
      expect(sample).toBe(before);
      continue;
    }
    poisoned++;
    expect(sample).toMatchObject({ id: before.id, label: 3, shape: SHAPE });
    const changed = [10, 11, 14, 15];
    sample.pixels.forEach((value, at) => {
      expect(value).toBe(changed.includes(at) ? 255 : before.pixels[at]);
    });
  }
  expect(poisoned).toBe(100);
});

test('the triggered test set leaves out the target class and keeps the true labels', () => {
  const set = samples.map((sample) => triggered(sample, attack)).filter((each) => each !== undefined);
  expect(set.length).toBe(800);
  for (const { sample, truth } of set) {
    expect(sample.label).toBe(3);
    expect(truth).toEqual({ id: sample.id, poisoned: true, trueLabel: Number(sample.id.slice(1)) % 5 });
    expect(sample.pixels[15]).toBe(255);
  }
});

test('refuses a target that is no class', () => {
  expect(() => allToOne(5, 5)).toThrow('expected a target label from 0 to 4, found 5; set attack.target');
  expect(() => allToOne(-1, 5)).toThrow(/found -1/);
});

describe('the truth', () => {
  test('is written and read a line a sample', async () => {
    const path = join(temporaryFolder(), 'truth.ndjson');
    const truths = [
      { id: 'a/"b"\n', poisoned: true, trueLabel: 4 },
      { id: 'c', poisoned: false, trueLabel: 0 },
    ];
    writeFileSync(path, truths.map(formatTruth).join(''));
    expect([...(await readTruth(path)).values()]).toEqual(truths);
    expect(formatTruth(truths[1]!)).toBe('{"id":"c","poisoned":false,"trueLabel":0}\n');
  });

  test.each([
    ['{"id":"a","poisoned":1,"trueLabel":0}', /in line 2 of .*truth.ndjson, found \{"id":"a","poisoned":1/],
    ['{"id":"x","poisoned":true,"trueLabel":0}', /with a new id/],
    ['null', /found null/],
    ['{"id"', /line 2/],
  ])('refuses %s', async (line, message) => {
    const path = join(temporaryFolder(), 'truth.ndjson');
    writeFileSync(path, `${formatTruth({ id: 'x', poisoned: true, trueLabel: 1 })}${line}\n`);
    await expect(readTruth(path)).rejects.toThrow(message);
  });
});
