// What a program that follows sees of its sources from moment to moment, and what it refuses to follow.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { Sources } from '../../src/app/follow.ts';
import { purify } from '../../src/cli/commands/purify.ts';
import { TerminalLog } from '../../src/cli/log.ts';
import { Quiet } from '../../src/datasets/quiet.ts';
import { ConfigError } from '../../src/errors.ts';
import { temporaryFolder } from '../datasets/make.ts';

const QUIET = 0.6;

function watched(...train: readonly string[]) {
  const said: string[] = [];
  const args = new Map([
    ['dataset.train', train.join(',')],
    ['follow.quiet', String(QUIET)],
  ]);
  const settings = loadSettings({ args, readPreset: (name) => ({ name, text: '' }) });
  const log = new TerminalLog({ write: (text) => said.push(text) }, 'info');
  return { sources: new Sources({ settings, locate: (path) => path, log }, new Quiet(QUIET)), said };
}
const quiet = () => setTimeout(1000 * QUIET + 200);

it('waits until all sources are there and a file is finished, and says so once', async () => {
  const root = temporaryFolder();
  const { sources, said } = watched(join(root, 'new/*'), join(root, 'more'));
  expect(await sources.look()).toBeUndefined();
  expect(await sources.look()).toBeUndefined();
  mkdirSync(join(root, 'new/cat'), { recursive: true });
  expect(await sources.look()).toBeUndefined();
  mkdirSync(join(root, 'more/cat'), { recursive: true });
  expect(await sources.look()).toBeUndefined();
  writeFileSync(join(root, 'more/cat/0.png'), '1');
  expect(await sources.look()).toBeUndefined();
  expect(said).toEqual([
    expect.stringMatching(/waiting for a source: expected files that match .*new\/\*/),
    `[follow] waiting for ${join(root, 'more')}\n`,
    '[follow] waiting for the first finished file\n',
  ]);
  await quiet();
  expect(await sources.look()).toMatchObject({ settled: true });
});

it('watches for a while, at the start, what seems to have changed just now', async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'cat'));
  writeFileSync(join(root, 'cat/0.png'), '1');
  await quiet();
  // as where the clock was set back since the last start: nobody knows whether it was read then
  writeFileSync(join(root, 'cat/1.png'), '2');
  const { sources, said } = watched(root);
  expect(await sources.look()).toBeUndefined();
  expect(said).toEqual([expect.stringContaining('waiting until files are finished')]);
  await quiet();
  const first = await sources.look();
  expect(first).toMatchObject({ settled: true });
  // later on it is new
  writeFileSync(join(root, 'cat/2.png'), '3');
  expect(await sources.look()).toEqual({ ...first, settled: false });
});

it('takes new shards in when they are finished, and waits for those that are written over', async () => {
  const root = temporaryFolder();
  const path = (name: string) => join(root, name);
  writeFileSync(path('a.parquet'), '1');
  const { sources, said } = watched(root);
  // after a start nobody knows whether it was there before
  expect(await sources.look()).toBeUndefined();
  await quiet();
  const first = await sources.look();
  expect(first).toMatchObject({ settled: true });
  writeFileSync(path('b.parquet'), '2');
  expect(await sources.look()).toEqual({ ...first, settled: false });
  await quiet();
  const second = await sources.look();
  expect(second?.version).not.toBe(first?.version);
  writeFileSync(path('a.parquet'), '3');
  expect(await sources.look()).toBeUndefined();
  expect(said.at(-1)).toContain(`waiting until ${path('a.parquet')} is finished`);
  await quiet();
  expect((await sources.look())?.version).not.toBe(second?.version);
  rmSync(path('b.parquet'));
  expect(await sources.look()).toMatchObject({ settled: true });
});

it.each([
  ['no state', { 'dataset.train': 'a' }, /found none; pass --state FOLDER$/],
  ['a stream', { 'dataset.train': '-', 'state.path': 's' }, /folders to watch, found -/],
  [
    'what is made here',
    { 'dataset.train': 'shapes:train', 'state.path': 's' },
    /folders to watch, found shapes/,
  ],
  [
    'changes in another format',
    { 'dataset.train': 'a', 'state.path': 's', 'output.path': '-', 'output.format': 'webdataset' },
    /expected ndjson, in which changes are written/,
  ],
  [
    'changes to nowhere',
    { 'follow.enabled': 'false', 'dataset.train': 'a', 'output.changes': 'true' },
    /--output-path - --state FOLDER$/,
  ],
])('refuses %s', async (_, options, reason) => {
  const args = new Map(
    Object.entries({ 'follow.enabled': 'true', 'denoiser.path': 'package.json', ...options }),
  );
  const settings = loadSettings({ args, readPreset: (name) => ({ name, text: '' }) });
  const log = new TerminalLog({ write: () => undefined }, 'error');
  const { signal } = new AbortController();
  const context = {
    settings,
    log,
    signal,
    locate: (path: string) => path,
    stdin: new PassThrough(),
    stdout: new PassThrough(),
  };
  await expect(purify(context)).rejects.toThrow(ConfigError);
  await expect(purify(context)).rejects.toThrow(reason);
});
