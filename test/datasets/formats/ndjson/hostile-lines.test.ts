// Lines that somebody wrote who means no good. Each costs itself and nothing else, when it is read.

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DatasetOptions } from '../../../../src/datasets/dataset.ts';
import { readImageFile } from '../../../../src/datasets/images/image.ts';
import { openDataset } from '../../../../src/datasets/open.ts';
import { openStream } from '../../../../src/datasets/stream.ts';
import { pngOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 6, 5] as const;
const LINUX = process.platform === 'linux';

let root: string;
let folder: string;
let path: string;
beforeEach(() => {
  root = temporaryFolder();
  folder = join(root, 'set');
  mkdirSync(folder);
  path = join(folder, 'set.ndjson');
});

const image = pngOf(1, SHAPE).toString('base64');
const good = `{"id":"good","label":1,"image":"${image}"}\n`;

async function read(lines: string, options: DatasetOptions = {}) {
  writeFileSync(path, good + lines);
  const { samples, bad } = await readAll(await openDataset(path, options));
  return { ids: samples.map(({ id }) => id), bad };
}

async function readPiped(lines: string, options: DatasetOptions = {}) {
  const source = await openStream('stdin', Readable.from([good + lines]), options);
  const ids: string[] = [];
  const reasons: string[] = [];
  for await (const result of source.read()) {
    if (result.ok) ids.push(result.sample.id);
    else reasons.push(result.quarantined.message);
  }
  return { ids, reasons };
}

describe('paths', () => {
  const naming = (file: string) => `${JSON.stringify({ id: 'named', label: 0, path: file })}\n`;
  let secret: string;
  beforeEach(() => {
    secret = join(root, 'secret.png');
    writeFileSync(secret, pngOf(2, SHAPE));
    writeFileSync(join(folder, 'inside.png'), pngOf(3, SHAPE));
    symlinkSync(secret, join(folder, 'link.png'));
    symlinkSync('inside.png', join(folder, 'near.png'));
    symlinkSync(root, join(folder, 'up'));
  });

  test('lead into the folder of the file, links followed, and not out of it', async () => {
    const within = [
      'inside.png',
      './inside.png',
      join(folder, 'inside.png'),
      'near.png',
      'up/set/inside.png',
    ];
    for (const file of within) expect((await read(naming(file))).ids).toEqual(['good', 'named']);
    for (const file of ['../secret.png', secret, 'link.png', 'up/secret.png', '../set/../secret.png']) {
      const { ids, bad } = await read(naming(file));
      expect(ids).toEqual(['good']);
      expect(bad[0]!.message).toMatch(
        /^expected a path below .*set, found one .*secret\.png; set dataset\.paths/,
      );
    }
  });

  test('lead into the folder that is allowed instead', async () => {
    expect((await read(naming('../secret.png'), { paths: root })).ids).toEqual(['good', 'named']);
    expect((await read(naming('inside.png'), { paths: join(folder, 'up', 'set') })).ids).toHaveLength(2);
    mkdirSync(join(root, 'other'));
    expect((await read(naming('inside.png'), { paths: join(root, 'other') })).ids).toEqual(['good']);
    mkdirSync(join(root, 'set-too'));
    expect((await read(naming('inside.png'), { paths: join(root, 'set-too') })).ids).toEqual(['good']);
    expect((await read(naming('inside.png'), { paths: join(root, 'nowhere') })).bad[0]!.message).toMatch(
      /ENOENT/,
    );
  });

  test('count in a stream only where they are allowed', async () => {
    const file = relative('.', join(folder, 'inside.png'));
    const refused = await readPiped(naming(file));
    expect(refused.ids).toEqual(['good']);
    expect(refused.reasons[0]).toMatch(/which a stream may not name unasked; set dataset\.paths/);
    expect((await readPiped(naming(file), { paths: folder })).ids).toEqual(['good', 'named']);
    expect((await readPiped(naming(secret), { paths: folder })).reasons[0]).toMatch(/expected a path below/);
  });

  test.each(['a\0b', 'x'.repeat(300), `${'x/'.repeat(4000)}y`, 'inside.png/x', 'up', ''])(
    'that can never be read cost their line',
    async (file) => {
      const { ids, bad } = await read(naming(file), { paths: '/' });
      expect(ids).toEqual(['good']);
      expect(bad).toMatchObject([{ code: 'sample' }]);
    },
  );

  test.runIf(LINUX)('of files without an end are not waited for', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.png')]);
    const endless = [
      'pipe.png',
      '/dev/zero',
      '/proc/self/pagemap',
      '/proc/self/mem',
      '/proc/kmsg',
      '/proc/self/fd/0',
    ];
    for (const file of endless) {
      const { ids, bad } = await read(naming(file), { paths: '/' });
      expect(ids).toEqual(['good']);
      expect(bad).toMatchObject([{ code: 'sample' }]);
    }
  });
});

test.runIf(LINUX)('no more is read of a file than it says that it holds', async () => {
  await expect(readImageFile('/proc/self/pagemap', 100)).rejects.toMatchObject({ code: 'sample' });
  writeFileSync(path, '');
  expect(await readImageFile(path, 100)).toHaveLength(0);
  await expect(readImageFile(path, 100, { least: 1 })).rejects.toThrow('found 0 bytes');
  writeFileSync(path, Buffer.alloc(8 * 100 + 2 ** 20 + 1));
  await expect(readImageFile(path, 100)).rejects.toThrow('raise dataset.maxPixels');
  writeFileSync(path, 'all of it');
  expect(String(await readImageFile(path, 100))).toBe('all of it');
});

describe('ids', () => {
  const named = (id: string, label = '0') => `{"id":${id},"label":${label},"image":"${image}"}\n`;

  test('that are numbers stand as they do in the text', async () => {
    const numbers = [
      '1234567890123456700',
      '1234567890123456701',
      '12345678901234567890123',
      '-7',
      '0',
      '-0',
    ];
    const others = ['0.10', '1e400', '1E2', '7'];
    const { ids, bad } = await read([...numbers, ...others].map((id) => named(id)).join(''));
    expect(bad).toEqual([]);
    expect(ids).toEqual(['good', ...numbers, ...others]);
  });

  test('that are numbers are found wherever they stand', async () => {
    const big = '1234567890123456789';
    const lines = [
      `{"x":{"id":1234567890123456788},"label":0,"image":"${image}", "id" :\t${big}1 }\n`,
      `{"id":${big}9,"label":0,"image":"${image}","\\u0069d":${big}2}\n`,
      `{"a":"\\\\\\",\\"id\\":5,","id":${big}3,"label":0,"image":"${image}","b":["]",{"id":"}"}]}\n`,
    ];
    expect((await read(lines.join(''))).ids).toEqual(['good', `${big}1`, `${big}2`, `${big}3`]);
  });

  test('are text: a number and its digits in quotes are one', async () => {
    const { ids, bad } = await read(named('1') + named('"1"'));
    expect(ids).toEqual(['good', '1']);
    expect(bad).toMatchObject([{ id: '1', message: expect.stringMatching(/found 1 again/) }]);
  });

  test.each([
    ['half of a pair', '"\\ud800"', /UTF-8 can hold, found half of a surrogate pair in "\\ud800"/],
    ['nothing', '""', /expected an id, found an empty one/],
    ['megabytes', `"${'i'.repeat(3_000_000)}"`, /at most 4096 characters, found 3000000; shorten it/],
    ['megabytes of digits', '7'.repeat(3_000_000), /at most 4096 characters, found 3000000; shorten it/],
  ])('of %s are refused when they are read', async (_, id, message) => {
    const { ids, bad } = await read(named(id));
    expect(ids).toEqual(['good']);
    expect(bad).toMatchObject([{ offset: good.length, message: expect.stringMatching(message) }]);
    expect(JSON.stringify(bad).length).toBeLessThan(1000);
    expect((await readPiped(named(id))).reasons).toEqual([bad[0]!.message]);
  });

  test('of whole pairs, or with a zero, are good', async () => {
    expect((await read(named('"\\ud83d\\ude00"') + named('"\\u0000"'))).ids).toEqual(['good', '😀', '\0']);
  });
});

describe('labels and fields', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const lineOf = (label: string, more = '') => `{"id":"bad","label":${label},"image":"${image}"${more}}\n`;

  test.each([
    [lineOf(nested(8000)), /nested at most 100 deep, found more/],
    [lineOf('1', `,"e":${nested(5000)}`), /nested at most 100 deep/],
    [lineOf('1', `,"e":${'{"a":'.repeat(101)}1${'}'.repeat(101)}`), /nested at most 100 deep/],
    [lineOf('[[1]]'), /found a list; write it as a number/],
    [lineOf('12345678901234567891'), /found 12345678901234567891; write/],
    [lineOf('-1'), /found -1/],
    [lineOf(`"${'c'.repeat(100_000)}"`), /found "c{40}…"; write/],
    [`{"id":"bad","label":1,"${'k'.repeat(100_000)}":1}\n`, /found id, label, k{40}…; add one/],
    [`{"id":"bad","label":1,"path":"${'p'.repeat(100_000)}"}\n`, /found: ENAMETOOLONG/],
  ])('that nobody can take are refused in a few words', async (line, message) => {
    const { ids, bad } = await read(line);
    expect(ids).toEqual(['good']);
    expect(bad).toMatchObject([{ id: 'bad', message: expect.stringMatching(message) }]);
    expect(bad[0]!.message.length).toBeLessThan(2100);
  });

  test('as deep as that are good', async () => {
    expect((await read(lineOf('1', `,"e":${nested(100)}`))).ids).toEqual(['good', 'bad']);
  });
});
