import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { foreignIn, formatMark, MARK, markWritten, removeWritten } from '../../src/files/written.ts';

let root: string;
let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'dataelixir-written-'));
  folder = join(root, 'out');
  mkdirSync(at('a/b'), { recursive: true });
  mkdirSync(at('empty'));
  for (const path of ['one', 'a/two', 'a/b/three']) writeFileSync(at(path), path);
  await markWritten(folder);
});
afterEach(() => rmSync(root, { recursive: true }));

it('lists what is there, a line a folder', () => {
  const [head, ...lines] = readFileSync(at(MARK), 'utf8').trim().split('\n');
  expect(head).toContain('"dataelixir":"written"');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { folder: '', files: ['one'] },
    { folder: 'a', files: ['two'] },
    { folder: 'a/b', files: ['three'] },
    { folder: 'empty', files: [] },
  ]);
});

it('removes all of it, with the folder', async () => {
  expect(await foreignIn(folder)).toBeUndefined();
  expect(await removeWritten(folder)).toBe(true);
  expect(readdirSync(root)).toEqual([]);
});

it.each(['mine', 'a/b/mine', 'empty/mine', 'mine/x'])(
  'finds and keeps %s, which is not listed',
  async (path) => {
    if (path === 'mine/x') mkdirSync(at('mine'));
    writeFileSync(at(path), 'precious');
    expect(await foreignIn(folder)).toBe(path === 'mine/x' ? 'mine' : path);
    expect(await removeWritten(folder)).toBe(false);
    expect(readFileSync(at(path), 'utf8')).toBe('precious');
    expect([existsSync(at('one')), existsSync(at('a/two'))]).toEqual([false, false]);
  },
);

it('takes a folder with a list of its own by that', async () => {
  rmSync(at(MARK));
  writeFileSync(at('a', MARK), formatMark([{ folder: '', files: ['two'] }]));
  writeFileSync(at(MARK), formatMark([{ folder: '', files: ['one', 'a'] }]));
  expect(await foreignIn(folder)).toBe('a/b');
  rmSync(at('a/b'), { recursive: true });
  expect(await foreignIn(folder)).toBe('empty');
  rmSync(at('empty'), { recursive: true });
  expect(await removeWritten(folder)).toBe(true);
});

it('follows no link, and no list out of its folder', async () => {
  const outside = join(root, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'two'), 'precious');
  rmSync(at('a'), { recursive: true });
  symlinkSync(outside, at('a'));
  expect(await foreignIn(folder)).toBe('a');
  const bad = [
    { folder: '../outside', files: ['two'] },
    { folder: '', files: ['../outside/two', '..', ''] },
  ];
  writeFileSync(
    at(MARK),
    `${readFileSync(at(MARK))}${bad.map((line) => `${JSON.stringify(line)}\n`).join('')}no JSON`,
  );
  expect(await removeWritten(folder)).toBe(false);
  expect(readFileSync(join(outside, 'two'), 'utf8')).toBe('precious');
});

it('knows a folder without a list, or with a file of that name, for a stranger', async () => {
  writeFileSync(at(MARK), '{"folder":"","files":["one"]}\n');
  expect(await foreignIn(folder)).toBeDefined();
  expect(await removeWritten(folder)).toBe(false);
  expect(existsSync(at('one'))).toBe(true);
});
