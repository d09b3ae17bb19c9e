// How the program ends before its time, with real processes: what a consumer has got by then is whole, what a state
// has got stays, and the exit code tells that it was not the end.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataelixir, HUMAN, SOURCE } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

/** More than a pipe holds, so that a line is cut unless its end is waited for. */
const LONG = 200_000;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-signals-'));
  await writeTinyNetworks(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const argsOf = (source: string, name: string, ...more: string[]) => [
  ...['purify', source, '--config', 'config.yaml', '--save-folder-name', name],
  ...more,
];
const OBSERVED = ['--observer-path', 'observer.onnx'];

/** Starts the program, which writes into a pipe that nobody reads from yet. */
function start(args: readonly string[], stdin = '') {
  const child = spawn(process.execPath, [...SOURCE, ...args], {
    cwd: folder,
    env: { ...process.env, ...HUMAN },
  });
  child.stdin.on('error', () => undefined).end(stdin);
  const said = { stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said.stderr += text;
  });
  return { child, said, ended: once(child, 'close') as Promise<[number | null, string | null]> };
}

/** Waits until the program has said it. */
async function heard(
  { stderr }: ChildProcess,
  said: { readonly stderr: string },
  text: RegExp,
): Promise<void> {
  while (!text.test(said.stderr)) await once(stderr!, 'data');
}

describe('purify - into a pipe', () => {
  it('ends with 141 and without a word when its reader has seen enough', async () => {
    const { child, said, ended } = start(argsOf('-', 'left', ...OBSERVED), tinySamples(20, LONG));
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await ended).toEqual([141, null]);
    expect(said.stderr).not.toMatch(/error|EPIPE/);
  });

  it('ends with 143 on SIGTERM, after the line that it is in', async () => {
    const { child, said, ended } = start(argsOf('-', 'term', ...OBSERVED), tinySamples(20, LONG));
    await once(child.stdout, 'readable');
    child.kill('SIGTERM');
    await heard(child, said, /interrupted/);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more) => {
      text += more;
    });
    expect(await ended).toEqual([143, null]);
    const lines = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.length).toBeLessThan(20);
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(lines.map((_, i) => `n${i}`));
    expect(readdirSync(at('record/term')).filter((name) => /scratch|partial|metrics/.test(name))).toEqual([]);
    // the manifest knows of every line, and the verdict of why
    const manifest = readFileSync(at('record/term/manifest.ndjson'), 'utf8').trim().split('\n');
    expect(manifest.map((line) => JSON.parse(line).id)).toEqual(lines.map((line) => JSON.parse(line).id));
    expect(JSON.parse(readFileSync(at('record/term/verdict.json'), 'utf8'))).toMatchObject({ samples: 20 });
  });

  it('takes the end of its terminal for SIGTERM, however often it is told, and ends with 129', async () => {
    const { child, said, ended } = start(argsOf('-', 'hup', ...OBSERVED), tinySamples(20, LONG));
    await once(child.stdout, 'readable');
    child.kill('SIGHUP');
    await heard(child, said, /interrupted/);
    child.kill('SIGHUP');
    child.stdout.resume();
    expect(await ended).toEqual([129, null]);
    expect(readdirSync(at('record/hup')).filter((name) => /scratch|partial|metrics/.test(name))).toEqual([]);
  });

  it('ends at once on a second signal, though nobody reads', async () => {
    const { child, said, ended } = start(argsOf('-', 'twice', ...OBSERVED), tinySamples(20, LONG));
    await once(child.stdout, 'readable');
    child.kill('SIGINT');
    await heard(child, said, /interrupted/);
    child.kill('SIGTERM');
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    child.stdout.resume();
    await ended;
  });
});

it('SIGTERM lets the workers finish what a state keeps', async () => {
  writeFileSync(at('forty.ndjson'), tinySamples(40));
  // one batch of several seconds, on a machine that does nothing else too
  const slow = ['--diffusion-rounds', '100', '--diffusion-steps', '16', '--diffusion-batch', '40'];
  const more = ['--state', 'kept', '--in-flight', '80', ...slow];
  const { child, said, ended } = start(argsOf('forty.ndjson', 'stopped', ...more));
  await heard(child, said, /\[observer\] trained/);
  await setTimeout(500);
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(143);
  expect(said.stderr).not.toContain('[observe]');
  const again = await dataelixir(argsOf('forty.ndjson', 'resumed', ...more), { cwd: folder });
  expect(again.code).toBe(0);
  const { cost } = JSON.parse(readFileSync(at('record/resumed/metrics.json'), 'utf8'));
  expect(cost.denoiserCallsPerSample).toBe(0);
});
