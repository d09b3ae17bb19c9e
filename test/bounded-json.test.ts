// What JSON of others may cost: text as much as it likes, values not.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { MOST_VALUES, parseJson } from '../src/bounded-json.ts';
import { openDataset } from '../src/datasets/open.ts';
import { pngOf, readAll, temporaryFolder } from './datasets/make.ts';

const LONG = 2 ** 20;

test.each([
  ['a long text', JSON.stringify({ a: 'x'.repeat(2 * LONG) })],
  ['brackets in a text', JSON.stringify({ a: '[{,'.repeat(LONG) })],
  ['quotes and backslashes in a text', JSON.stringify({ a: '[\\"[\\\\'.repeat(LONG), b: '\\', c: [1] })],
  ['very many values', `[${'1,'.repeat(MOST_VALUES - 2)}1]`],
])('takes what is large and honest: %s', (_, text) => {
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test.each([
  ['lists', '['.repeat(LONG + 1)],
  ['objects', '{"a":'.repeat(LONG + 1)],
  ['numbers', `[${'1,'.repeat(MOST_VALUES + 1)}1]`],
  ['lists behind an escaped quote', `["\\"",${'[],'.repeat(LONG)}1]`],
])('refuses more values than that: %s', (_, text) => {
  expect(() => parseJson(text)).toThrow(`more than ${MOST_VALUES} values`);
});

test('a line of brackets costs itself', async () => {
  const path = join(temporaryFolder(), 'a.ndjson.gz');
  const image = pngOf(1, [1, 2, 2]).toString('base64');
  const line = (id: string) => JSON.stringify({ id, label: 1, image });
  const brackets = '[]'.repeat(2 ** 24).replace('[', '[[');
  writeFileSync(path, gzipSync([line('a'), brackets, line('b')].join('\n')));
  const before = process.memoryUsage().rss;
  const { samples, bad } = await readAll(await openDataset(path));
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  expect(samples.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(bad.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^expected a JSON object on every line of at most 1048576 values, found/),
  ]);
  rmSync(path);
});
