// Ids and names that are no names of files, or lead elsewhere. Outputs hold all of them, each under a name that any
// system takes and that stays where it is put; what is harmless keeps its name.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { readTar } from '../../src/datasets/bytes/tar.ts';
import { escapeId } from '../../src/datasets/description.ts';
import { folderNames } from '../../src/datasets/formats/class-folders/class-folder-writer.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { openWriter, type WriterOptions } from '../../src/datasets/writer.ts';
import { pixelsOf, pngOf, readAll, tar, temporaryFolder } from './make.ts';

const SHAPE = [3, 4, 5] as const;
const PNG = pngOf(1, SHAPE);

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

type Change = (sample: Sample) => Partial<Sample>;

/** Copies a dataset, and reads the copy. */
async function copy(source: string, format: WriterOptions['format'], change: Change = () => ({})) {
  const target = join(mkdtempSync(join(root, 'copy-')), 'copy');
  const dataset = await openDataset(source, { classes: 2 });
  const writer = await openWriter(target, { ...dataset.info, format, name: 'copy' });
  const ids: string[] = [];
  for await (const result of dataset.read()) {
    if (!result.ok) throw new Error(result.quarantined.message);
    ids.push(result.sample.id);
    await writer.write({ ...result.sample, ...change(result.sample) }, result.origin);
  }
  await writer.close();
  const { samples, bad } = await readAll(await openDataset(target));
  expect(bad).toEqual([]);
  expect(samples.map(({ id }) => id).sort()).toEqual(ids.sort());
  return target;
}

async function membersIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const member of readTar(join(folder, 'copy-000000.tar'), () => false)) {
    if (member.kind === 'member') names.push(member.name);
  }
  return names;
}

function lines(ids: readonly string[]): string {
  const path = join(root, 'set.ndjson');
  const image = PNG.toString('base64');
  writeFileSync(path, ids.map((id, i) => `${JSON.stringify({ id, label: i % 2, image })}\n`).join(''));
  return path;
}

const BAD = /^\/|^[a-z]:|\\|(^|\/)\.\.(\/|$)|\/\/|\p{Cc}/iu;

describe('ids that lead elsewhere', () => {
  const ids = [
    '../../x',
    '/abs/x',
    '//x',
    'a//b',
    'a/',
    'a/b',
    'C:/x',
    'a\\..\\b',
    '..',
    '.',
    './a',
    'n\nl',
    '%2E%2E/x',
  ];

  test.each(['webdataset', 'class-folders'] as const)('are names that stay: %s', async (format) => {
    const folder = await copy(lines(ids), format);
    const names =
      format === 'webdataset'
        ? await membersIn(folder)
        : [...readdirSync(join(folder, '0')), ...readdirSync(join(folder, '1'))];
    expect(names.filter((name) => BAD.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(format === 'webdataset' ? 2 * ids.length : ids.length);
  });

  test('keep the slashes that make folders', () => {
    expect(escapeId('a/b/c.d', true)).toBe('a/b/c%2Ed');
    expect(escapeId('/a//b/', true)).toBe('%2Fa%2F%2Fb%2F');
  });
});

describe('members that lead elsewhere', () => {
  const evil = ['../../../evil/x', '/abs/evil', 'a\\win', 'C:/Windows/y', 'a/../b', 'x\u001b]0;pwn\u0007'];
  const good = [
    's1',
    './s2',
    'd/é',
    'e\u0301',
    'D/a b%',
    '%2E%2E/%2E%2E/%2E%2E/evil/x',
    'a..b/c',
    '~/r',
    'q'.repeat(120),
  ];

  async function archive(keys: readonly string[], ending = 'cls'): Promise<string> {
    const path = join(root, 'set.tar');
    const members = keys.flatMap((key, i) => {
      const both: [string, Uint8Array | string][] = [
        [`${key}.png`, PNG],
        [`${key}.cls`, String(i % 2)],
      ];
      return ending === 'cls' ? both : [...both, [`${key}.${ending}`, 'more'] as (typeof both)[0]];
    });
    writeFileSync(path, await tar(members));
    return path;
  }

  test('leave under names that stay, and all others under their own', async () => {
    const folder = await copy(await archive([...evil, ...good]), 'webdataset');
    const names = await membersIn(folder);
    expect(names.slice(0, 2 * evil.length).filter((name) => BAD.test(name))).toEqual([]);
    const kept = good.flatMap((key) => [`${key}.png`, `${key}.cls`]);
    // this one would say the id of another
    const renamed = kept.map((name) =>
      name.replace(/^%2E%2E.*x/, escapeId('%2E%2E/%2E%2E/%2E%2E/evil/x', true)),
    );
    expect(names.slice(2 * evil.length)).toEqual(renamed);
    expect(new Set(names).size).toBe(names.length);
  });

  test('with a changed image too, and with other endings', async () => {
    const folder = await copy(await archive(['../x', 's1'], 'a\\..\\..\\b'), 'webdataset', () => ({
      pixels: pixelsOf(2, SHAPE),
    }));
    const names = await membersIn(folder);
    expect(names).toEqual(
      ['%2E%2E/x', 's1'].flatMap((key) => [`${key}.png`, `${key}.cls`, `${key}.a%5C..%5C..%5Cb`]),
    );
  });
});

describe('ids too long for a file', () => {
  const long = [
    'a'.repeat(251),
    'a'.repeat(300),
    `${'a'.repeat(300)}b`,
    '中'.repeat(28),
    `cat/${'é'.repeat(2000)}`,
  ];
  const fitting = ['a'.repeat(250), '中'.repeat(27)];

  test('have short names of their own, and come back whole', async () => {
    const folder = await copy(lines([...long, ...fitting]), 'class-folders');
    const names = ['0', '1'].flatMap((label) => readdirSync(join(folder, label)));
    expect(names.every((name) => name.length <= 255)).toBe(true);
    expect(names).toEqual(
      expect.arrayContaining([`${'a'.repeat(250)}.png`, `${'%E4%B8%AD'.repeat(27)}.png`]),
    );
    const short = names.filter((name) => /^[\w%]{1,200}=sha256-[0-9a-f]{32}\.png$/.test(name));
    expect(short).toHaveLength(long.length);
    const told = readFileSync(join(folder, 'dataset.names'), 'utf8').trimEnd().split('\n');
    expect(told.map((line) => JSON.parse(line).id).sort()).toEqual([...long].sort());
    // once more, from there
    await copy(folder, 'ndjson');
  });

  test('are not mistaken for others that look like them', async () => {
    const [id] = long as [string];
    const folder = await copy(lines([id]), 'class-folders');
    const [name] = readdirSync(join(folder, '0')) as [string];
    expect(
      readdirSync(join(await copy(lines([id, 'x', name.slice(0, -4)]), 'class-folders'), '0')),
    ).toHaveLength(2);
    const source = join(root, 'folders');
    mkdirSync(join(source, 'cat'), { recursive: true });
    mkdirSync(join(source, 'dog'));
    for (const file of [name, `${'b'.repeat(248)}.png`, 'n\nl\\.png'])
      writeFileSync(join(source, 'cat', file), PNG);
    writeFileSync(join(source, 'dog', 'x.png'), PNG);
    const kept = readdirSync(join(await copy(source, 'class-folders'), 'cat'));
    expect(kept).toHaveLength(3);
    expect(kept).toContain(`${'b'.repeat(248)}.png`);
    expect(kept.filter((file) => BAD.test(file) || file === name)).toEqual([]);
  });

  test('stay whole in archives', async () => {
    expect(await membersIn(await copy(lines(long.slice(0, 2)), 'webdataset'))).toContain(
      `${'a'.repeat(300)}.png`,
    );
  });

  test('a list of them that is damaged is an error of the dataset', async () => {
    const folder = await copy(lines(long), 'class-folders');
    for (const text of ['{"name":', '{"name":1,"id":"x"}', 'null']) {
      writeFileSync(join(folder, 'dataset.names'), `${text}\n`);
      await expect(openDataset(folder)).rejects.toMatchObject({ code: 'dataset' });
    }
  });

  test('class names too long for a folder are shortened behind their number', () => {
    const [first, second] = folderNames(2, ['中'.repeat(90), 'x']);
    expect([first, second]).toEqual([`0-${'中'.repeat(60)}`, '1-x']);
    expect(folderNames(1, ['y'.repeat(240)])).toEqual(['y'.repeat(240)]);
  });
});
