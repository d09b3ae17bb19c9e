import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DatasetOptions } from '../../src/datasets/dataset.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { splitOf } from '../../src/datasets/splits.ts';
import { pngOf, readAll, temporaryFolder } from './make.ts';

const SHAPE = [1, 3, 3] as const;

function lines(count: number): string {
  const line = (i: number) => ({ label: i % 2, image: pngOf(i, SHAPE).toString('base64') });
  return Array.from({ length: count }, (_, i) => `${JSON.stringify({ id: `s${i}`, ...line(i) })}\n`).join('');
}

async function count(source: string, options: DatasetOptions = {}) {
  const warnings: string[] = [];
  const dataset = await openDataset(source, { ...options, warn: (text) => warnings.push(text) });
  return { count: (await readAll(dataset)).samples.length, classNames: dataset.info.classNames, warnings };
}

test('names of splits', () => {
  const names = ['train', 'train-00000-of-00002.parquet', 'Validation.tar', 'val_1.tar', 'test2.npz'];
  expect(names.map(splitOf)).toEqual(['train', 'train', 'validation', 'validation', 'test']);
  expect(['trainers', 'testament.tar', 'data-train.tar', 'cat'].map(splitOf)).toEqual(
    Array(4).fill(undefined),
  );
});

test('of files that name splits one is read, from the folder above as well, and all are named', async () => {
  const root = temporaryFolder();
  const data = join(root, 'data');
  mkdirSync(data);
  writeFileSync(join(root, 'README.md'), 'x');
  for (const [i, name] of ['train-0', 'train-1', 'test-0', 'validation-0'].entries()) {
    writeFileSync(join(data, `${name}.ndjson`), lines(i + 1));
  }
  const warnings = [`${data} has the splits test, train, validation: reading train, not test and validation`];
  for (const source of [data, root]) expect(await count(source)).toMatchObject({ count: 3, warnings });
  expect(await count(data, { splits: ['test'] })).toMatchObject({ count: 3 });
  expect(await count(data, { splits: ['validation'] })).toMatchObject({ count: 4 });
});

test('files of several splits that are named one by one are all read, with a warning', async () => {
  const root = temporaryFolder();
  const paths = ['train', 'test'].map((name) => join(root, `${name}.ndjson`));
  for (const path of paths) writeFileSync(path, lines(2));
  const warnings: string[] = [];
  await openDataset(paths, { warn: (text) => warnings.push(text) });
  expect(warnings).toEqual([expect.stringMatching(/train\.ndjson, test\.ndjson are of several splits/)]);
});

test('where the split is not there, or another file is, nothing is guessed', async () => {
  const root = temporaryFolder();
  for (const name of ['test', 'val']) writeFileSync(join(root, `${name}.ndjson`), lines(2));
  await expect(count(root)).rejects.toThrow(
    /of the split train in .*, found test, validation; name .*dataset\.split/,
  );
  expect(await count(root, { splits: ['test', 'validation'] })).toMatchObject({ count: 2 });
  writeFileSync(join(root, 'more.ndjson'), lines(2));
  await expect(count(root, { splits: ['test'] })).rejects.toThrow(
    /found more\.ndjson beside test, validation/,
  );
});

test('files of one split are read as ever', async () => {
  const root = temporaryFolder();
  for (const name of ['train-0', 'extra']) writeFileSync(join(root, `${name}.ndjson`), lines(2));
  expect(await count(root)).toMatchObject({ count: 4, warnings: [] });
});

test('folders of splits hold classes; without these they are classes themselves', async () => {
  const root = temporaryFolder();
  const image = (path: string, i: number) => writeFileSync(join(root, path, `${i}.png`), pngOf(i, SHAPE));
  for (const path of ['train/cat', 'train/dog', 'test/cat', 'test/dog']) {
    mkdirSync(join(root, path), { recursive: true });
    image(path, 1);
  }
  image('train/dog', 2);
  const train = await count(root);
  expect(train).toMatchObject({ count: 3, classNames: ['cat', 'dog'] });
  expect(train.warnings).toEqual([expect.stringContaining('reading train, not test')]);
  expect(await count(root, { splits: ['test'] })).toMatchObject({ count: 2 });
  mkdirSync(join(root, 'val', 'images'), { recursive: true });
  image('val/images', 1);
  expect(await count(root)).toMatchObject({ count: 3, classNames: ['cat', 'dog'] });
  await expect(count(root, { splits: ['validation'] })).rejects.toThrow(/found only images; sort/);
  for (const path of ['train', 'test']) image(path, 3);
  expect((await count(root)).classNames).toEqual(['test', 'train', 'val']);
});
