import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { openTraining, withClasses } from '../../src/app/datasets.ts';
import { expandSource } from '../../src/app/globs.ts';
import { locate } from '../../src/app/paths.ts';
import { pngOf, readAll } from '../datasets/make.ts';

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
beforeAll(() => {
  // a folder that reads like a pattern
  root = mkdtempSync(join(tmpdir(), 'dataelixir-globs (1)-[ab]-'));
  const image = pngOf(1, [1, 4, 4]).toString('base64');
  for (const [i, name] of ['s-10', 's-2', 's-1', 't-1'].entries())
    writeFileSync(at(`${name}.ndjson`), `${JSON.stringify({ id: 'x', label: i % 2, image })}\n`);
  mkdirSync(at('s-0'));
  writeFileSync(at('odd[1].ndjson'), '');
});
afterAll(() => rmSync(root, { recursive: true }));

test('matches come sorted, folders without a slash', async () => {
  expect(await expandSource(at('s-*'))).toEqual(
    ['s-0', 's-1.ndjson', 's-10.ndjson', 's-2.ndjson'].map((name) => at(name)),
  );
  expect(await expandSource(at('{t,s}-1.ndjson'))).toEqual([at('s-1.ndjson'), at('t-1.ndjson')]);
});

test('a path that is there is no pattern', async () => {
  expect(await expandSource(at('odd[1].ndjson'))).toEqual([at('odd[1].ndjson')]);
  expect(await expandSource(at('missing.tar'))).toEqual([at('missing.tar')]);
});

test('links count as what they lead to, and make no circles', async () => {
  for (const [name, target] of [
    ['l-folder', 's-0'],
    ['l-up', '.'],
    ['l-nowhere', 'nowhere'],
  ] as const) {
    symlinkSync(target, at(name));
  }
  writeFileSync(at('s-0/deep.txt'), '');
  expect(await expandSource(at('l-*'))).toEqual(['l-folder', 'l-nowhere', 'l-up'].map((name) => at(name)));
  expect(await expandSource(at('**/deep.txt'))).toEqual(
    ['l-folder', 's-0'].map((name) => at(name, 'deep.txt')),
  );
});

test('the option takes patterns; one without a match is refused by name', async () => {
  const open = (train: string) => {
    const readPreset = () => ({ name: 'none', text: '' });
    const settings = loadSettings({ readPreset, args: new Map([['dataset.train', train]]) });
    return openTraining({ settings, locate: (path) => locate(path, root) });
  };
  const { samples } = await readAll(withClasses(await open('s-*.ndjson')));
  expect(samples.map(({ id, label }) => `${id} ${label}`)).toEqual(['s-1/x 0', 's-10/x 0', 's-2/x 1']);
  await expect(open('u-*.ndjson')).rejects.toThrow(/expected files that match .*u-\*\.ndjson, found none/);
});

test('the option bounds the pixels of images', async () => {
  const readPreset = () => ({ name: 'none', text: '' });
  const open = (pixels: string) => {
    const args = new Map([
      ['dataset.train', 's-*.ndjson'],
      ['dataset.maxPixels', pixels],
    ]);
    return openTraining({
      settings: loadSettings({ readPreset, args }),
      locate: (path) => locate(path, root),
    });
  };
  expect((await open('16')).info.shape).toEqual([1, 4, 4]);
  await expect(open('15')).rejects.toThrow(
    /at most 15 pixels, found a PNG header of 4×4; .*dataset.maxPixels/,
  );
});
