// Ids begin with names of files that follow from the files alone, whichever of them are still there.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { openTraining } from '../../src/app/datasets.ts';
import { filePrefixes } from '../../src/datasets/file-prefixes.ts';
import { pngOf, temporaryFolder } from './make.ts';

test('names keep all but the usual ending, and are told apart by folders, by endings, at last by numbers', () => {
  const names = ['log.1.ndjson', 'log.2.ndjson', 'log.ndjson.1', 'a.jsonl', 'a.ndjson', 'b.tar.gz', 'c.tgz'];
  expect(filePrefixes(names.map((name) => `/data/${name}`))).toEqual([
    ...['log.1', 'log.2', 'log.ndjson.1', 'a.jsonl', 'a', 'b', 'c'],
  ]);
  expect(filePrefixes(['/x/a.tar', '/x/a.tar.gz', '/x/a.tar.gz'])).toEqual([...['a', 'a.tar.gz', 'a~2']]);
  expect(filePrefixes(['/1/x/a.tar', '/2/x/a.tar', '/2/y/a.tar', '/y/b.tar'])).toEqual([
    ...['1/x/a', '2/x/a', '2/y/a', 'b'],
  ]);
  expect(filePrefixes(['/1/x/a.tar', '/1/y/a.tar', '/2/z.tar'], ['/1'])).toEqual(['x/a', 'y/a', 'z']);
});

test.each([
  ['a folder', '.', ['log.1.ndjson', 'log.2.jsonl', 'log.2.ndjson', 'log.3.ndjson.gz']],
  ['a pattern', '*/log.ndjson', ['2026-01/log.ndjson', '2026-02/log.ndjson', '2026-03/log.ndjson']],
])('what stays in %s keeps its ids, whichever file goes', async (_, source, files) => {
  const root = temporaryFolder();
  for (const [i, file] of files.entries()) {
    mkdirSync(join(root, file, '..'), { recursive: true });
    const image = pngOf(i, [1, 3, 3]).toString('base64');
    const line = `${JSON.stringify({ label: 0, image })}\n`;
    writeFileSync(join(root, file), file.endsWith('.gz') ? gzipSync(line) : line);
  }
  const read = async () => {
    const settings = loadSettings({
      readPreset: (name) => ({ name, text: '' }),
      args: new Map([['dataset.train', [join(root, source)]]]),
    });
    const dataset = await openTraining({ settings, locate: (path) => path }, undefined, {});
    const ids: (string | undefined)[] = [];
    for await (const result of dataset.read()) {
      if (result.ok) ids.push(result.sample.id);
    }
    return ids;
  };
  const all = await read();
  expect(new Set(all).size).toBe(files.length);
  for (const file of files.slice(0, -1)) {
    rmSync(join(root, file));
    all.shift();
    expect((await read()).toSorted()).toEqual(all.toSorted());
  }
});
