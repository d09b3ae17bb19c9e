// Files that are still being written: wherever they are cut, what is read is whole, and nothing is refused.

import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { scan } from '../../src/datasets/finished.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { Quiet } from '../../src/datasets/quiet.ts';
import { UnreadableError } from '../../src/errors.ts';
import { pngOf, readAll, tar, temporaryFolder } from './make.ts';

const SHAPE = [1, 4, 4] as const;
const COUNT = 4;
const growing = { classes: 4, quiet: new Quiet(3600) };

const line = (n: number) =>
  `${JSON.stringify({ id: `n${n}`, label: n, image: pngOf(n, SHAPE).toString('base64') })}\n`;

/** Reads a file after each of some bytes: how many good samples there are, and that none is bad. */
async function counts(name: string, whole: Buffer, cuts: readonly number[]): Promise<number[]> {
  const path = join(temporaryFolder(), name);
  const found: number[] = [];
  for (const cut of cuts) {
    writeFileSync(path, whole.subarray(0, cut));
    const { samples, bad } = await readAll(await openDataset([path], growing));
    expect(bad).toEqual([]);
    expect(samples.map(({ label }) => label)).toEqual(samples.map((_, n) => n));
    found.push(samples.length);
  }
  return found;
}

describe('a file that grows', () => {
  it('of NDJSON is read up to its last whole line, whether that has its end or not', async () => {
    const ends = Array.from(
      { length: COUNT },
      (_, n) => Array.from({ length: n + 1 }, (_, i) => line(i)).join('').length,
    );
    const whole = Buffer.from(Array.from({ length: COUNT }, (_, n) => line(n)).join(''));
    const every = Array.from({ length: whole.length + 1 }, (_, i) => i).filter((i) => i >= ends[0]! - 1);
    const cuts = every.filter((cut) => cut % 20 === 0 || ends.some((end) => Math.abs(end - cut) < 2));
    const expected = cuts.map((cut) => ends.filter((end) => end - 1 <= cut).length);
    expect(await counts('a.ndjson', whole, cuts)).toEqual(expected);
  });

  it('of tar is read up to the last sample that another one or the end follows', async () => {
    const names = Array.from({ length: COUNT }, (_, n) => n);
    const whole = await tar(
      names.flatMap((n) => [[`s${n}.png`, pngOf(n, SHAPE)] as const, [`s${n}.cls`, String(n)] as const]),
    );
    // a sample takes four blocks, and two more show that nothing else belongs to it
    const blocks = Array.from({ length: whole.length / 512 - 6 }, (_, i) => 6 + i);
    const cuts = blocks.flatMap((n) => [512 * n, 512 * n + 10]);
    const expected = cuts.map((cut) => Math.min(COUNT - 1, Math.floor((Math.floor(cut / 512) - 2) / 4)));
    expect(await counts('a.tar', whole, cuts)).toEqual(expected);
    expect(await counts('a.tar', whole, [whole.length])).toEqual([COUNT]);
  });

  it('is refused nothing but real damage', async () => {
    const whole = await tar(
      [0, 1].flatMap(
        (n) =>
          [
            [`s${n}.png`, pngOf(n, SHAPE)],
            [`s${n}.cls`, String(n)],
          ] as const,
      ),
    );
    const path = join(temporaryFolder(), 'a.tar');
    whole.fill(1, 4 * 512, 5 * 512);
    writeFileSync(path, whole);
    const { samples, bad } = await readAll(await openDataset([path], growing));
    expect(samples).toHaveLength(1);
    expect(bad).toHaveLength(1);
  });
});

describe('a folder that grows', () => {
  it('leaves out what has just changed, whatever its times say', async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'cat'));
    for (const n of [0, 1]) writeFileSync(join(root, `cat/${n}.png`), pngOf(n, SHAPE));
    await setTimeout(400);
    writeFileSync(join(root, 'cat/2.png'), pngOf(2, SHAPE).subarray(0, 30));
    utimesSync(join(root, 'cat/2.png'), 1e9, 1e9);
    const quiet = new Quiet(0.3);
    const { samples, bad } = await readAll(await openDataset([root], { classes: 2, quiet }));
    expect([samples.map(({ id }) => id), bad]).toEqual([['cat/0', 'cat/1'], []]);
    const found = await scan([root], quiet);
    expect(found).toMatchObject({ count: 2, settled: false });
    await setTimeout(400);
    expect(await scan([root], quiet)).toMatchObject({ count: 3, settled: true });
  });

  it('has another version with each file that comes, changes, moves or goes, and else the same', async () => {
    const root = temporaryFolder();
    const version = async () => (await scan([root], new Quiet(0))).version;
    const seen = [await version()];
    const changes = [
      () => writeFileSync(join(root, 'a.ndjson'), line(0)),
      () => appendFileSync(join(root, 'a.ndjson'), line(1)),
      () => writeFileSync(join(root, 'b.ndjson'), line(2) + line(3)),
      () => renameSync(join(root, 'b.ndjson'), join(root, 'a.ndjson')),
      () => linkSync(join(root, 'a.ndjson'), join(root, 'c.ndjson')),
    ];
    for (const change of changes) {
      change();
      seen.push(await version());
      expect(await version()).toBe(seen.at(-1));
    }
    mkdirSync(join(root, 'empty'));
    writeFileSync(join(root, '.b.ndjson.tmp'), '');
    expect(await version()).toBe(seen.at(-1));
    expect(new Set(seen).size).toBe(changes.length + 1);
  });

  it('of shards names samples by their files, so that a second one changes no id', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'a.ndjson'), line(0));
    const ids = async () =>
      (await readAll(await openDataset([root], { classes: 4, named: true }))).samples.map(({ id }) => id);
    expect(await ids()).toEqual(['a/n0']);
    writeFileSync(join(root, 'b.ndjson'), line(1));
    expect(await ids()).toEqual(['a/n0', 'b/n1']);
  });

  it('knows what was finished whatever becomes of the clock', async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'cat'));
    writeFileSync(join(root, 'cat/0.png'), pngOf(0, SHAPE));
    await setTimeout(300);
    const quiet = new Quiet(0.25);
    const { version } = await scan([root], quiet);
    onTestFinished(() => void vi.useRealTimers());
    for (const hours of [-1, 1]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 });
      expect(await scan([root], quiet)).toMatchObject({ version, count: 1, left: 0, settled: true });
    }
    vi.setSystemTime(Date.now() - 7_200_000);
    writeFileSync(join(root, 'cat/1.png'), pngOf(1, SHAPE));
    const ids = async () =>
      (await readAll(await openDataset([root], { classes: 1, quiet }))).samples.map(({ id }) => id);
    expect(await scan([root], quiet)).toMatchObject({ version, count: 1, left: 1, settled: false });
    expect(await ids()).toEqual(['cat/0']);
    await setTimeout(300);
    expect(await scan([root], quiet)).toMatchObject({ count: 2, left: 0, settled: true });
    expect(await ids()).toEqual(['cat/0', 'cat/1']);
  });

  it('is looked into behind links as well, once', async () => {
    const [root, outside] = [temporaryFolder(), temporaryFolder()];
    const version = async () => (await scan([root], new Quiet(0))).version;
    mkdirSync(join(root, 'dog'));
    symlinkSync(outside, join(root, 'cat'));
    symlinkSync(outside, join(root, 'cow'));
    symlinkSync('..', join(root, 'dog/up'));
    symlinkSync('/', join(root, 'dog/root'));
    const before = await version();
    writeFileSync(join(outside, '0.png'), pngOf(0, SHAPE));
    expect(await version()).not.toBe(before);
    expect(await scan([root], new Quiet(0))).toMatchObject({ count: 1 });
  });

  // where Linux shows the memory of a process as a file, its first byte is an input/output error
  it.runIf(process.platform === 'linux')(
    'ends where a file cannot be read now, and leaves out what is none',
    async () => {
      const root = temporaryFolder();
      mkdirSync(join(root, 'cat'));
      writeFileSync(join(root, 'cat/0.png'), pngOf(0, SHAPE));
      symlinkSync('nowhere', join(root, 'cat/2.png'));
      const dataset = await openDataset([root], { classes: 2 });
      expect((await readAll(dataset)).bad).toMatchObject([{ id: 'cat/2', code: 'sample' }]);
      symlinkSync('/proc/self/mem', join(root, 'cat/1.png'));
      vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
      onTestFinished(() => void vi.useRealTimers());
      let ended: unknown;
      readAll(dataset).catch((error) => {
        ended = error;
      });
      while (ended === undefined) {
        await vi.advanceTimersByTimeAsync(500);
        await new Promise(setImmediate);
      }
      expect(ended).toBeInstanceOf(UnreadableError);
      expect((ended as Error).message).toMatch(/cat\/1\.png, found: EIO/);
    },
  );
});
