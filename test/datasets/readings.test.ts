import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DatasetOptions } from '../../src/datasets/dataset.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { pngOf, readAll, tar, temporaryFolder } from './make.ts';

const SHAPE = [3, 4, 4] as const;

/** Two class folders of two images. */
function classFolders(): string {
  const folder = temporaryFolder();
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(folder, name));
    for (const i of [0, 1]) writeFileSync(join(folder, name, `${i}.png`), pngOf(i, SHAPE));
  }
  return folder;
}

async function shard(count: number): Promise<Buffer> {
  const samples = Array.from({ length: count }, (_, i) => [
    [`${i}.png`, pngOf(i, SHAPE)] as const,
    [`${i}.cls`, '1'] as const,
  ]);
  return tar(samples.flat());
}

async function open(folder: string, options: DatasetOptions = {}) {
  const warnings: string[] = [];
  const dataset = await openDataset(folder, { classes: 2, ...options, warn: (text) => warnings.push(text) });
  return { ids: (await readAll(dataset)).samples.map(({ id }) => id).sort(), warnings };
}

test.each([
  ['metadata.jsonl', '{"file_name": "cat/0.png"}\n', /expected "label" to be a class index/],
  ['log.ndjson', 'epoch 1\n', /holds no dataset/],
  ['fid_stats.npz', 'PK', /holds no dataset/],
  ['notes.tar', 'none', /holds no dataset/],
  ['table.parquet', 'PAR1', /holds no dataset/],
])('class folders with %s beside them, which is no dataset', async (name, bytes, reason) => {
  const folder = classFolders();
  writeFileSync(join(folder, name), bytes);
  const { ids, warnings } = await open(folder);
  expect(ids).toEqual(['cat/0', 'cat/1', 'dog/0', 'dog/1']);
  expect(warnings).toEqual([expect.stringMatching(reason)]);
  expect(warnings[0]).toContain(`${name} of ${folder} is not read`);
});

test.each([
  [
    3,
    ['cat/0', 'cat/1', 'dog/0', 'dog/1'],
    'class folders (cat, dog) with 4 samples and test.tar with 3 samples',
  ],
  [5, ['0', '1', '2', '3', '4'], 'test.tar with 5 samples and class folders (cat, dog) with 4 samples'],
])(
  'of class folders and an archive of %i the larger one is read, and both are named',
  async (count, ids, named) => {
    const folder = classFolders();
    writeFileSync(join(folder, 'test.tar'), await shard(count));
    const found = await open(folder);
    expect(found.ids).toEqual(ids);
    expect(found.warnings).toEqual([expect.stringContaining(`found ${named} in ${folder}`)]);
  },
);

test('nothing is guessed between equals, nor where samples are remembered; a format tells', async () => {
  const folder = classFolders();
  writeFileSync(join(folder, 'test.tar'), await shard(4));
  await expect(open(folder)).rejects.toThrow(/expected one dataset in .*test\.tar with 4 samples.*cat, dog/);
  writeFileSync(join(folder, 'test.tar'), await shard(1));
  await expect(open(folder, { growing: true })).rejects.toThrow(
    /found test\.tar and class folders \(cat, dog\); name the file itself, or set dataset\.format/,
  );
  expect(await open(folder, { format: 'webdataset' })).toEqual({ ids: ['0'], warnings: [] });
  expect((await open(folder, { format: 'class-folders' })).ids).toHaveLength(4);
});

test('class folders are not read as another format that was asked for', async () => {
  await expect(open(classFolders(), { format: 'ndjson' })).rejects.toThrow(/expected ndjson in/);
});
