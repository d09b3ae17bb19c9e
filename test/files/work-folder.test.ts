import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claim, makeWorkFolder, removeWorkFolder } from '../../src/files/work-folder.ts';
import { bury, change } from '../support/dead-owner.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dataelixir-work-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const take = () => claim(root, 'out', 'out');

it('is one process at a time: the second is refused with the first one named, and leaves nothing', async () => {
  const first = await take();
  expect(readdirSync(root)).toEqual(['.out.dataelixir-1']);
  await expect(take()).rejects.toMatchObject({
    exitCode: 7,
    message: expect.stringMatching(`found process ${process.pid} on .* since .*; wait .* remove .*-1$`),
  });
  expect(readdirSync(root)).toEqual(['.out.dataelixir-1']);
  expect(await claim(root, 'other', 'other')).toMatchObject({ folder: join(root, '.other.dataelixir-1') });
  await first.release();
  await first.release();
  const second = await take();
  // which is not the first one's to give back
  await first.release();
  expect(existsSync(second.folder)).toBe(true);
  await second.release();
  expect(await take()).toMatchObject({ folder: join(root, '.out.dataelixir-1') });
});

it('of many that come at once one gets it, also where a dead owner is in the way', async () => {
  for (const dead of [false, true]) {
    if (dead) bury((await take()).folder);
    const settled = await Promise.allSettled(Array.from({ length: 10 }, take));
    const taken = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(taken).toHaveLength(1);
    expect(readdirSync(root)).toEqual([`.out.dataelixir-${dead ? 2 : 1}`]);
    await taken[0]!.release();
  }
});

it('passes on from an owner that is dead, and asks what of his is still of use', async () => {
  const { folder } = await take();
  writeFileSync(join(folder, 'of use'), '');
  bury(folder);
  let found: string[] = [];
  const next = await claim(root, 'out', 'out', async (dead) => {
    found = readdirSync(dead).sort();
  });
  expect(found).toEqual(['of use', 'owner.json']);
  expect(readdirSync(root)).toEqual(['.out.dataelixir-2']);
  await next.release();
  expect(readdirSync(root)).toEqual([]);
});

it.runIf(process.platform === 'linux')('tells a process from an older one of the same number', async () => {
  change((await take()).folder, { started: '1' });
  await take();
});

it.each([
  ['on another machine', { host: 'another', boot: 'another' }],
  ['in another container', { space: 'pid:[1]' }],
])('lives as far as anybody knows %s', async (_, owner) => {
  if (process.platform !== 'linux' && 'space' in owner) return;
  const { folder } = await take();
  bury(folder);
  change(folder, owner);
  await expect(take()).rejects.toThrow(/if that process is gone for sure, remove/);
});

it.runIf(process.platform === 'linux')('is dead when its machine was started anew', async () => {
  change((await take()).folder, { boot: 'before' });
  await take();
});

it('leaves alone what only has such a name', async () => {
  for (const name of ['.out.dataelixir-7', '.out.dataelixir-new-x', 'work-theirs']) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, 'owner.json'), '{"pid":1}');
  }
  symlinkSync(root, join(root, 'work-link'));
  const { folder, release } = await take();
  expect(folder).toBe(join(root, '.out.dataelixir-8'));
  await release();
  await removeWorkFolder(await makeWorkFolder(root, 'work-'));
  expect(readdirSync(root)).toHaveLength(4);
});

it('folders of dead owners go when a new one is made, those of others stay', async () => {
  const [dead, living] = [await makeWorkFolder(root, 'work-'), await makeWorkFolder(root, 'work-')];
  mkdirSync(join(dead, 'deep'));
  writeFileSync(join(dead, 'deep/file'), '');
  bury(dead);
  await makeWorkFolder(root, 'other-');
  expect(existsSync(dead)).toBe(true);
  await makeWorkFolder(root, 'work-');
  expect([existsSync(dead), existsSync(living)]).toEqual([false, true]);
});
