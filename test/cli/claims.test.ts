// Two runs that would write one output or one record, with real processes: the second is refused before it has touched
// anything, and a run that was killed is in nobody's way.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { workFoldersIn } from '../support/dead-owner.ts';
import { dataelixir, SOURCE } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-claims-'));
  await writeTinyNetworks(folder);
  writeFileSync(at('in.ndjson'), tinySamples(20));
});
afterAll(() => rmSync(folder, { recursive: true }));

const argsOf = (name: string, output: string, ...more: string[]) => [
  ...['purify', 'in.ndjson', '--config', 'config.yaml', '--observer-path', 'observer.onnx'],
  ...['--dataset-classes', '4', '--save-folder-name', name, '--output-path', output, ...more],
];
const purify = (...args: Parameters<typeof argsOf>) => dataelixir(argsOf(...args), { cwd: folder });

/** Starts a run that goes on for as long as its source does, and waits until it is at work. */
async function working(args: readonly string[], ready: () => boolean): Promise<ChildProcess> {
  const [command, , ...options] = args;
  const child = spawn(process.execPath, [...SOURCE, command!, '-', ...options], {
    cwd: folder,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // more than are looked at before a run begins
  child.stdin!.write(tinySamples(40, 10_000));
  while (!ready()) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`);
    await setTimeout(20);
  }
  return child;
}

it('refuses a second run on an output or a record, and takes over from one that was killed', async () => {
  const child = await working(argsOf('first', 'out'), () => existsSync(at('record/first/config.yaml')));
  const before = readdirSync(at('record/first')).sort();
  const [output, record] = await Promise.all([
    purify('second', 'out'),
    purify('first', 'other', '--overwrite'),
  ]);
  for (const { code, stderr } of [output, record]) {
    expect([code, stderr]).toEqual([
      7,
      expect.stringMatching(`nobody else writes .*found process ${child.pid} `),
    ]);
  }
  expect([existsSync(at('record/second')), existsSync(at('other')), existsSync(at('out'))]).toEqual([
    false,
    false,
    false,
  ]);
  expect(readdirSync(at('record/first')).sort()).toEqual(before);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect([workFoldersIn(folder), workFoldersIn(at('record/first'))]).not.toEqual([[], []]);
  expect(await purify('first', 'out')).toMatchObject({ code: 0 });
  expect(readFileSync(at('out/manifest.ndjson'), 'utf8').trim().split('\n')).toHaveLength(20);
  expect([...workFoldersIn(folder), ...workFoldersIn(at('record/first'))]).toEqual([]);
});

it('with a state replaces its own output only, and no copy, nor what somebody has put into it', async () => {
  const state = ['--state', 'S'];
  expect(await purify('third', 'kept', ...state)).toMatchObject({ code: 0 });
  for (const name of ['kept.old', 'kept.partial']) cpSync(at('kept'), at(name), { recursive: true });
  writeFileSync(at('kept.old/notes.txt'), 'precious');
  expect(await purify('third', 'kept', ...state)).toMatchObject({ code: 0 });
  expect(readFileSync(at('kept.old/notes.txt'), 'utf8')).toBe('precious');
  expect(readdirSync(at('kept.partial'))).toEqual(readdirSync(at('kept')));
  writeFileSync(at('kept/notes.txt'), 'precious');
  expect(await purify('third', 'kept', ...state)).toMatchObject({
    code: 7,
    stderr: expect.stringMatching(/found "notes\.txt" in it; move that elsewhere/),
  });
  expect(readFileSync(at('kept/notes.txt'), 'utf8')).toBe('precious');
});
