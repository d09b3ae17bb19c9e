import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Journal } from '../../src/files/journal.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('follows what is there where that is asked for', async () => {
  const path = join(folder, 'deep', 'numbers.ndjson');
  for (const [n, more] of [
    [1, false],
    [2, true],
    [3, true],
  ] as const) {
    const journal = new Journal<number>(path, more);
    journal.append(n);
    journal.close();
  }
  expect(await readFile(path, 'utf8')).toBe('1\n2\n3\n');
});

it('refuses to be replayed while it is written', async () => {
  const journal = new Journal<number>(join(folder, 'numbers.ndjson'));
  journal.append(1);
  await expect(journal[Symbol.asyncIterator]().next()).rejects.toThrow('close it first');
  journal.close();
  expect(await journal[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 1 });
});

it('keeps memory flat: 64 MiB through the journal, less than 4 MiB of it held at any time', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const journal = new Journal<string>(join(folder, 'big.ndjson'));
  const line = 'x'.repeat(64 * 1024);
  collect();
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  const watch = (count: number) => {
    if (count % 128) return;
    collect();
    most = Math.max(most, process.memoryUsage().heapUsed - before);
  };
  for (let i = 0; i < 1024; i++) {
    journal.append(line);
    watch(i);
  }
  journal.close();
  let count = 0;
  for await (const item of journal) {
    if (item.length === line.length) watch(++count);
  }
  expect(count).toBe(1024);
  expect(most).toBeLessThan(4 * 2 ** 20);
});
