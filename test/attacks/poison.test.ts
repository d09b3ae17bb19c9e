import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { badnet } from '../../src/attacks/badnet.ts';
import { allToAll, allToOne, cleanLabel } from '../../src/attacks/label-map.ts';
import {
  type Attack,
  poison,
  type Selection,
  selectPoisoned,
  stampOf,
  triggered,
} from '../../src/attacks/poison.ts';
import { readTruth, type Truth } from '../../src/attacks/truth.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { pixelsOf, temporaryFolder } from '../datasets/make.ts';

const SHAPE = [1, 4, 4] as const;
const samples: Sample[] = Array.from({ length: 1000 }, (_, i) => ({
  id: `s${i}`,
  label: i % 5,
  pixels: pixelsOf(i, SHAPE),
  shape: SHAPE,
}));
const patch = stampOf(badnet({ size: 2, position: 'bottom-right', pattern: 'white' }, SHAPE));
const attack: Attack = { train: patch, test: patch, labels: allToOne(3, 5) };

const withFate = (fate: ReturnType<Selection>, select: Selection) =>
  samples.filter((sample) => select(sample) === fate);
const poisonedOf = (select: Selection) => withFate('poisoned', select);
const choose = (rate: number, seed: number, of: Pick<Attack, 'labels' | 'cover'> = attack) =>
  selectPoisoned(samples, of, rate, seed);

describe('the choice', () => {
  test.each([[0], [0.001], [0.0125], [0.1], [0.333], [0.8]])('of a share of %d is exact', (rate) => {
    const chosen = poisonedOf(choose(rate, 7));
    expect(chosen.length).toBe(Math.round(rate * 1000));
    expect(chosen.some((sample) => sample.label === 3)).toBe(false);
  });

  test('depends on the seed and the ids, not on the order', () => {
    const ids = (order: Sample[], seed: number) =>
      poisonedOf(selectPoisoned(order, attack, 0.1, seed)).map((sample) => sample.id);
    expect(ids([...samples].reverse(), 7)).toEqual(ids(samples, 7));
    const others = new Set(ids(samples, 8));
    const shared = ids(samples, 7).filter((id) => others.has(id));
    expect(shared.length).toBeLessThan(40); // 100 of 800 twice share 12.5 by chance
  });

  test('a smaller share is part of a larger one', () => {
    const larger = new Set(poisonedOf(choose(0.2, 7)));
    expect(poisonedOf(choose(0.05, 7)).every((sample) => larger.has(sample))).toBe(true);
  });

  test('spreads over the samples', () => {
    const select = choose(0.4, 7);
    const perFifth = [0, 1, 2, 3, 4].map(
      (i) => samples.slice(i * 200, i * 200 + 200).filter((sample) => select(sample) === 'poisoned').length,
    );
    expect(perFifth.reduce((a, b) => a + b)).toBe(400);
    for (const count of perFifth) expect(Math.abs(count - 80)).toBeLessThan(30);
  });

  test('cover samples are a share of all, none of them poisoned, of every class', () => {
    const plain = poisonedOf(choose(0.1, 7));
    const select = choose(0.1, 7, { ...attack, cover: { rate: 0.2, stamp: patch } });
    expect(poisonedOf(select)).toEqual(plain);
    const covers = withFate('cover', select);
    expect(covers.length).toBe(200);
    expect(new Set(covers.map(({ label }) => label)).size).toBe(5);
  });

  test('refuses more than there are', () => {
    expect(() => choose(0.9, 1)).toThrow(
      'expected at least 900 samples that can be chosen (0.9 of 1000 to poison), found 800; lower attack.rate',
    );
    expect(() => choose(0.1, 1, { ...attack, cover: { rate: 0.95, stamp: patch } })).toThrow(
      'expected at least 950 samples that can be chosen (0.95 of 1000 as cover), found 900; lower attack.coverRate',
    );
    expect(poisonedOf(selectPoisoned([], attack, 1, 1))).toEqual([]);
  });
});

test('poisoned samples are stamped and relabelled, cover samples stamped, the others are the same objects', async () => {
  const black = async (some: readonly Sample[]) => {
    expect(some.length).toBeGreaterThan(0); // networks take no empty batch
    return some.map(({ pixels }) => new Uint8Array(pixels.length));
  };
  const covered = { ...attack, cover: { rate: 0.3, stamp: black } };
  const select = choose(0.1, 7, covered);
  const counts = { poisoned: 0, cover: 0, untouched: 0 };
  let at = 0;
  for await (const { sample, truth } of poison(samples, covered, select)) {
    const before = samples[at++]!;
    const fate = select(before);
    counts[fate]++;
    const line = { id: before.id, poisoned: fate === 'poisoned', trueLabel: before.label };
    expect(truth).toEqual(fate === 'cover' ? { ...line, cover: true } : line);
    if (fate === 'untouched') expect(sample).toBe(before);
    if (fate === 'cover') expect(sample).toEqual({ ...before, pixels: new Uint8Array(16) });
    if (fate !== 'poisoned') continue;
    expect(sample).toMatchObject({ id: before.id, label: 3, shape: SHAPE });
    const changed = [10, 11, 14, 15];
    sample.pixels.forEach((value, i) => {
      expect(value).toBe(changed.includes(i) ? 255 : before.pixels[i]);
    });
  }
  expect(counts).toEqual({ poisoned: 100, cover: 300, untouched: 600 });
});

describe('the triggered test set', () => {
  const collect = async (of: Attack) => {
    const set = [];
    for await (const each of triggered(samples, of)) set.push(each);
    return set;
  };

  test('leaves out the target class and keeps the true labels', async () => {
    const set = await collect(attack);
    expect(set.length).toBe(800);
    for (const { sample, truth } of set) {
      expect(sample.label).toBe(3);
      expect(truth).toEqual({ id: sample.id, poisoned: true, trueLabel: Number(sample.id.slice(1)) % 5 });
      expect(sample.pixels[15]).toBe(255);
    }
  });

  test('shows the trigger of the tests, not that of the training', async () => {
    const dark = async (some: readonly Sample[]) => some.map(() => new Uint8Array(16));
    const set = await collect({ ...attack, test: dark });
    expect(set.every(({ sample }) => sample.pixels.every((value) => value === 0))).toBe(true);
  });
});

test('a stamp is not asked for nothing', async () => {
  const busy = async (some: readonly Sample[]) => {
    expect(some.length).toBeGreaterThan(0);
    return some.map(({ pixels }) => pixels);
  };
  const idle: Attack = { labels: allToOne(3, 5), train: busy, test: busy, cover: { rate: 0, stamp: busy } };
  let seen = 0;
  for await (const { sample } of poison(samples, idle, choose(0.001, 7))) seen += Number(sample.label >= 0);
  expect(seen).toBe(1000);
  const targets = samples.filter(({ label }) => label === 3);
  for await (const _ of triggered(targets, idle)) expect.unreachable();
});

describe('label maps', () => {
  test('all-to-all moves every class to the next', () => {
    const map = allToAll(5);
    expect([0, 1, 2, 3, 4].map(map.relabel)).toEqual([1, 2, 3, 4, 0]);
    expect([0, 1, 2, 3, 4].every((label) => map.eligible(label) && map.tests(label))).toBe(true);
    expect(poisonedOf(choose(0.9, 1, { labels: map })).length).toBe(900);
  });

  test('clean-label stamps its share of the target class and tests the others', () => {
    const map = cleanLabel(2, 5);
    const chosen = poisonedOf(choose(0.5, 1, { labels: map }));
    expect(chosen.length).toBe(100);
    expect(chosen.every(({ label }) => label === 2 && map.relabel(label) === label)).toBe(true);
    expect([0, 1, 2, 3, 4].filter(map.tests)).toEqual([0, 1, 3, 4]);
    expect(map.relabel(4)).toBe(2);
    expect(() => cleanLabel(5, 5)).toThrow(/found 5; set attack.target/);
  });
});

test('refuses a target that is no class', () => {
  expect(() => allToOne(5, 5)).toThrow('expected a target label from 0 to 4, found 5; set attack.target');
  expect(() => allToOne(-1, 5)).toThrow(/found -1/);
});

describe('the truth', () => {
  const lineOf = (truth: Truth) => `${JSON.stringify(truth)}\n`;

  test('is read a line a sample', async () => {
    const path = join(temporaryFolder(), 'truth.ndjson');
    const truths = [
      { id: 'a/"b"\n', poisoned: true, trueLabel: 4 },
      { id: 'c', poisoned: false, trueLabel: 0 },
      { id: 'd', poisoned: false, trueLabel: 1, cover: true as const },
    ];
    writeFileSync(path, truths.map(lineOf).join(''));
    expect([...(await readTruth(path)).values()]).toEqual(truths);
  });

  test.each([
    ['{"id":"a","poisoned":1,"trueLabel":0}', /in line 2 of .*truth.ndjson, found \{"id":"a","poisoned":1/],
    ['{"id":"x","poisoned":true,"trueLabel":0}', /with a new id/],
    ['null', /found null/],
    ['{"id"', /line 2/],
  ])('refuses %s', async (line, message) => {
    const path = join(temporaryFolder(), 'truth.ndjson');
    writeFileSync(path, `${lineOf({ id: 'x', poisoned: true, trueLabel: 1 })}${line}\n`);
    await expect(readTruth(path)).rejects.toThrow(message);
  });
});
