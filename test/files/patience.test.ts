// Reads that fail for what passes are tried again, with fewer at a time; what stays is told at once.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ForbiddenError, UnreadableError } from '../../src/errors.ts';
import { Patience } from '../../src/files/patience.ts';
import { temporaryFolder } from '../datasets/make.ts';

function systemError(code: string, syscall = 'open'): Error {
  return Object.assign(new Error(`${code}: as the system says`), { code, syscall });
}

it('lets so many read at a time, and all in the end', async () => {
  const patience = new Patience({ most: 3 });
  let running = 0;
  let most = 0;
  const read = async () => {
    most = Math.max(most, ++running);
    await setTimeout(1);
    running--;
    return 1;
  };
  const all = await Promise.all(Array.from({ length: 20 }, () => patience.read('a', read)));
  expect([most, all.length, patience.limit]).toEqual([3, 20, 3]);
});

it('tries again with half as many, and comes back one by one', async () => {
  const patience = new Patience({ most: 8 });
  let free = 2;
  let most = 0;
  // a system that has two files to give
  const read = async () => {
    if (free === 0) throw systemError('EMFILE');
    free--;
    await setTimeout(2);
    free++;
    most = Math.max(most, 2 - free);
    return 1;
  };
  const reads = Array.from({ length: 40 }, () => patience.read('a', read));
  await setTimeout(5);
  expect(patience.limit).toBeLessThanOrEqual(4);
  expect(await Promise.all(reads)).toHaveLength(40);
  for (let n = 0; n < 60; n++) await patience.read('a', async () => 1);
  expect(patience.limit).toBe(8);
});

it('ends with what the next run may do better, when that does not help', async () => {
  const patience = new Patience({ patienceMs: 50 });
  let tries = 0;
  const failing = (code: string) =>
    patience.read('/mnt/a.png', async () => {
      tries++;
      throw systemError(code);
    });
  await expect(failing('EIO')).rejects.toThrow(UnreadableError);
  expect(tries).toBeGreaterThan(1);
  await expect(failing('EMFILE')).rejects.toMatchObject({
    exitCode: 75,
    message: expect.stringMatching(/^expected to open and read \/mnt\/a\.png, found: EMFILE.*ulimit -n/),
  });
  tries = 0;
  await expect(failing('ENOENT')).rejects.toMatchObject({ code: 'ENOENT' });
  expect(tries).toBe(1);
  const empty = patience.read('a', () => Promise.reject(systemError('EAGAIN', 'read')));
  await expect(empty).rejects.toMatchObject({ code: 'EAGAIN' });
  await expect(failing('EAGAIN')).rejects.toThrow(UnreadableError);
  tries = 0;
  patience.giveUp();
  await expect(failing('ESTALE')).rejects.toThrow(UnreadableError);
  expect(tries).toBe(1);
});

it.runIf(process.geteuid)('tells a file that denies from a mount that denies for a while', async () => {
  const root = temporaryFolder();
  chmodSync(root, 0o755);
  const [closed, hidden] = [join(root, 'closed.png'), join(root, 'folder/hidden.png')];
  mkdirSync(join(root, 'folder'));
  for (const path of [closed, hidden]) writeFileSync(path, 'x', { mode: 0 });
  chmodSync(join(root, 'folder'), 0);
  // root is refused nothing
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid!(65534);
  try {
    const patience = new Patience({ patienceMs: 30 });
    const read = (path: string) => patience.read(path, () => readFile(path));
    await expect(read(closed)).rejects.toThrow(ForbiddenError);
    await expect(read(closed)).rejects.toThrow(/to be allowed to read .*closed\.png, found: EACCES/);
    await expect(read(hidden)).rejects.toThrow(UnreadableError);
    for (const path of [closed, hidden]) {
      const asked = patience.read(path, () => readFile(path), false);
      await expect(asked).rejects.toMatchObject({ code: 'EACCES', syscall: 'open' });
    }
  } finally {
    if (isRoot) process.seteuid!(0);
    chmodSync(join(root, 'folder'), 0o700);
  }
});
