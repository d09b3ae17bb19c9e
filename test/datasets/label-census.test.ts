// What a label is worth: slips and bombs are refused with their place, and no honest dataset loses a sample.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fillStore } from '../../src/app/datasets.ts';
import { formatDescription } from '../../src/datasets/description.ts';
import { LabelCensus } from '../../src/datasets/label-census.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Quarantined, Sample } from '../../src/datasets/sample.ts';
import { openStream } from '../../src/datasets/stream.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { pixelsOf, pngOf, readAll, temporaryFolder } from './make.ts';

const SHAPE = [1, 2, 2] as const;
const IMAGE = pngOf(1, SHAPE).toString('base64');

function classesOf(labels: Iterable<number>): number {
  const census = new LabelCensus();
  for (const label of labels) census.add(label);
  return census.classes;
}

function range(count: number, labelOf: (i: number) => number): number[] {
  return Array.from({ length: count }, (_, i) => labelOf(i));
}

const four = range(60, (i) => i % 4);

test.each([
  ['one of a few thousand', [...four, 3000], 4],
  ['one of ten thousand, first', [10_000, ...four], 4],
  ['several, in steps', [...range(400, (i) => i % 4), 1500, 9999, 30_000, 99_999], 4],
  ['one beyond all that may be', [...four, 2 ** 40], 4],
  ['one among classes of one sample', [...range(200, (i) => i), 90_000], 200],
])('refuses a label that stands alone: %s', (_, labels, classes) => {
  expect(classesOf(labels)).toBe(classes);
});

const random = new RandomStream(randomKey(7, 'labels'));

test.each([
  ['200 classes of two samples', range(400, (i) => i % 200), 200],
  ['one sample in the last class', [...range(1000, (i) => i % 9), 9], 10],
  ['gaps', range(300, (i) => [0, 7, 400, 999][i % 4]!), 1000],
  ['sorted, 20,000 classes', range(40_000, (i) => i >> 1), 20_000],
  ['sorted, falling', range(40_000, (i) => 19_999 - (i >> 1)), 20_000],
  [
    'a few classes of a large set, one of them rare',
    [...range(5000, (i) => 11 * (i % 9)), ...range(12, () => 21_000)],
    21_001,
  ],
  ['as rare as in a long tail', range(30_000, (i) => Math.round(8999 * (i / 29_999) ** 4)), 9000],
  ['very few samples', [3, 207, 9800], 9801],
  ['one class, of a large number', range(50, () => 50_000), 50_001],
  ['a random part of 20,000 classes', [...range(400, () => random.integer(19_999)), 19_999], 20_000],
  ['none', [], 0],
])('takes honest labels as they are: %s', (_, labels, classes) => {
  expect(classesOf(labels)).toBe(classes);
});

const line = (label: number, i: number) => `${JSON.stringify({ id: `s${i}`, label, image: IMAGE })}\n`;

test.each(['ndjson', 'npz', 'parquet'] as const)(
  'is refused with its place in a file: %s',
  async (format) => {
    const path = join(temporaryFolder(), `a.${format}`);
    const writer = await openWriter(path, { format, classes: 50_000, shape: SHAPE });
    for (const [i, label] of [...four, 40_000].entries()) {
      await writer.write({ id: `s${i}`, label, pixels: pixelsOf(i, SHAPE), shape: SHAPE });
    }
    await writer.close();
    const dataset = await openDataset(path);
    expect(dataset.info.classes).toBe(4);
    const { samples, bad } = await readAll(dataset);
    expect(samples).toHaveLength(60);
    const message = /a label from 0 to 3, found 40000 at sample s60; set dataset.classes/;
    expect(bad).toMatchObject([{ id: 's60', message: expect.stringMatching(message) }]);
    const told = await openDataset(path, { classes: 50_000 });
    expect((await readAll(told)).samples).toHaveLength(61);
  },
);

test('is refused with its place on a stream, when that has ended', async () => {
  const lines = [...four.slice(0, 5), 40_000, ...four, 70_000, 1].map(line);
  const source = await openStream(
    'stdin',
    (async function* () {
      yield lines.join('');
    })(),
  );
  const refused: Quarantined[] = [];
  const context = {
    log: { info: () => undefined, progress: () => undefined },
    signal: new AbortController().signal,
  } as unknown as Parameters<typeof fillStore>[0];
  const store = await fillStore(
    context,
    join(temporaryFolder(), 'raw'),
    source,
    async (bad) => {
      refused.push(bad as Quarantined);
    },
    true,
  );
  expect(source.info.classes).toBe(4);
  expect(refused.map(({ id, offset, source: file }) => [id, offset, file])).toEqual([
    ['s5', lines.slice(0, 5).join('').length, 'stdin'],
    ['s66', lines.slice(0, 66).join('').length, 'stdin'],
  ]);
  const left = [...store.stream()];
  expect(left.map(({ id }) => id)).toEqual(lines.flatMap((_, i) => (i === 5 || i === 66 ? [] : [`s${i}`])));
  expect([...store.read([4, 5, 65]).labels]).toEqual([0, 0, 1]);
  expect(store.origin(65)).toMatchObject({ rest: { says: { id: 's67', label: 1 } } });
  expect(store.append({ id: 'more', label: 2, pixels: new Uint8Array(4), shape: SHAPE })).toBe(66);
  expect([...store.stream()].at(-1)!.id).toBe('more');
  store.dispose();
});

test('a description does not make more classes or larger images than there can be', async () => {
  const described = (more: object) => {
    const folder = temporaryFolder();
    const said = {
      name: 'a',
      format: 'cifar-binary',
      classes: 3,
      shape: [3, 2, 2],
      samples: 1,
      parts: ['a.bin'],
    } as const;
    writeFileSync(join(folder, 'dataset.json'), formatDescription({ ...said, ...more }));
    writeFileSync(join(folder, 'a.bin'), Buffer.alloc(13));
    return openDataset(folder);
  };
  expect((await described({})).info.classes).toBe(3);
  await expect(described({ classes: 1e9 })).rejects.toThrow(/at most 100000 classes, found 1000000000/);
  await expect(described({ shape: [3, 1e6, 1e6] })).rejects.toThrow(
    /found 1000000×1000000 .*dataset.maxPixels/,
  );
});

test('folders of very many classes without names are made as samples come, and read back', async () => {
  const target = join(temporaryFolder(), 'out');
  const writer = await openWriter(target, { format: 'class-folders', classes: 50_000, shape: SHAPE });
  const samples = [0, 49_999, 0].map(
    (label, i): Sample => ({ id: `s${i}`, label, pixels: new Uint8Array(4), shape: SHAPE }),
  );
  for (const sample of samples) await writer.write(sample);
  await writer.close();
  expect(readdirSync(target).sort()).toEqual(['00000', '49999', 'dataset.json']);
  const back = await openDataset(target);
  expect(back.info.classes).toBe(50_000);
  expect((await readAll(back)).samples.map(({ id, label }) => [id, label]).sort()).toEqual([
    ['s0', 0],
    ['s1', 49_999],
    ['s2', 0],
  ]);
});
