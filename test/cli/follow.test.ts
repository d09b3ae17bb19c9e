// `--follow` as a user sees it, with real processes: what is not finished is left alone, what comes is taken in, what
// goes is taken back, and a signal ends it so that the next start goes on.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { pngOf } from '../datasets/make.ts';
import { dataelixir, HUMAN, SOURCE } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const open = new Set<ReturnType<typeof spawn>>();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-follow-'));
  await writeTinyNetworks(folder);
});
afterEach(() => {
  for (const child of open) child.kill('SIGKILL');
  open.clear();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Follows sources; lines of stdout are taken with `next`. */
function following(args: readonly string[]) {
  const followed = ['--follow', '--follow-quiet', '0.5', '--follow-interval', '1'];
  const child = spawn(
    process.execPath,
    [...SOURCE, 'purify', ...args, '--config', 'config.yaml', ...followed],
    {
      cwd: folder,
      env: { ...process.env, ...HUMAN },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    },
  );
  open.add(child);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const said = { stdout: '', stderr: '' };
  const side = text(child.stdio[3] as Readable);
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (more) => {
      said[name] += more;
    });
  }
  let taken = 0;
  return {
    said,
    /** All that came through its fd 3, when it has ended. */
    side,
    async heard(wanted: RegExp) {
      while (!wanted.test(said.stderr)) await Promise.race([once(child.stderr, 'data'), failed(ended, said)]);
    },
    /** The next line, as JSON. */
    async next() {
      let end = said.stdout.indexOf('\n', taken);
      for (; end < 0; end = said.stdout.indexOf('\n', taken)) {
        await Promise.race([once(child.stdout, 'data'), failed(ended, said)]);
      }
      const line = said.stdout.slice(taken, end);
      taken = end + 1;
      return JSON.parse(line);
    },
    async end() {
      child.kill('SIGTERM');
      const code = await ended;
      open.delete(child);
      return { code, rest: said.stdout.slice(taken) };
    },
  };
}

async function failed(ended: Promise<number | null>, said: { readonly stderr: string }): Promise<never> {
  throw new Error(`ended with ${await ended}: ${said.stderr}`);
}

const SHAPE = [1, 8, 8] as const;
function image(path: string, n: number): void {
  writeFileSync(at(path), pngOf(n, SHAPE));
}

const lines = (path: string) =>
  readFileSync(at(path), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
const metrics = (name: string) => JSON.parse(readFileSync(at('record', name, 'metrics.json'), 'utf8'));
const ids = (name: string) => lines(`record/${name}/purified/manifest.ndjson`).map(({ id }) => id);

it('takes in what is finished, also in new folders, and takes back what goes', async () => {
  mkdirSync(at('classes'));
  const args = ['classes', '--state', 'classes.state', '--save-folder-name', 'classes'];
  const running = following(args);
  await running.heard(/waiting for the first finished file/);
  for (const n of [0, 1]) {
    mkdirSync(at(`classes/${n}`));
    for (const i of [0, 1, 2]) image(`classes/${n}/${i}.png`, 10 * n + i);
  }
  expect(await running.next()).toMatchObject({ samples: 6 });
  // a file that is being written all the time, and others that come meanwhile
  const half = pngOf(3, SHAPE);
  writeFileSync(at('classes/0/half.png'), half.subarray(0, 20));
  const control = new AbortController();
  const writing = (async () => {
    while (!control.signal.aborted && open.size > 0) {
      await setTimeout(100);
      writeFileSync(at('classes/0/half.png'), half.subarray(0, 20));
    }
  })();
  mkdirSync(at('classes/2'));
  for (const i of [0, 1]) image(`classes/2/${i}.png`, 20 + i);
  expect(await running.next()).toMatchObject({ samples: 8 });
  const { cost, dataset } = metrics('classes');
  expect([dataset.train, dataset.classes, cost.denoiserCallsPerSample * dataset.train]).toEqual([8, 3, 2]);
  expect(ids('classes')).not.toContain('0/half');
  expect(lines('record/classes/quarantine.ndjson')).toEqual([]);
  control.abort();
  await writing;
  writeFileSync(at('classes/0/half.png'), half);
  expect(await running.next()).toMatchObject({ samples: 9 });
  expect(ids('classes')).toContain('0/half');
  expect(lines('record/classes/corrections.ndjson')).toEqual([]);
  rmSync(at('classes/1/2.png'));
  renameSync(at('classes/2/0.png'), at('classes/2/9.png'));
  expect(await running.next()).toMatchObject({ samples: 8 });
  expect(lines('record/classes/corrections.ndjson')).toMatchObject([
    { op: 'retract', id: '1/2' },
    { op: 'retract', id: '2/0' },
  ]);
  for (const [pass, brought] of [
    '6 new, 0 changed, 0 withdrawn (0 corrected)',
    '2 new, 0 changed, 0 withdrawn (0 corrected)',
    '1 new, 0 changed, 0 withdrawn (0 corrected)',
    '1 new, 0 changed, 2 withdrawn (2 corrected)',
  ].entries()) {
    expect(running.said.stderr).toContain(`[follow] pass ${pass + 1}: ${brought}, 0 quarantined, targets `);
  }
  expect(await running.end()).toEqual({ code: 143, rest: '' });
  // the last pass is what a run from scratch makes of all that is there
  const scratch = ['purify', 'classes', '--save-folder-name', 'scratch', '--config', 'config.yaml'];
  expect(await dataelixir(scratch, { cwd: folder })).toMatchObject({ code: 0 });
  for (const part of [
    'verdict.json',
    'transitions.ndjson',
    'purified/manifest.ndjson',
    'models/benign.onnx',
  ]) {
    expect(readFileSync(at('record/classes', part))).toEqual(readFileSync(at('record/scratch', part)));
  }
}, 240_000);

it('tells changes of a growing file on stdout, and goes on where it ended', async () => {
  const all = tinySamples(12).split(/(?<=\n)/);
  writeFileSync(at('log.ndjson'), all.slice(0, 5).join(''));
  const args = [
    'log.ndjson',
    '--dataset-classes',
    '4',
    '--observer-path',
    'observer.onnx',
    '--output-path',
    '-',
  ];
  const run = () => following([...args, '--state', 'log.state', '--save-folder-name', 'log']);
  let running = run();
  const take = async (count: number) => {
    const taken: { op: string; id: string }[] = [];
    while (taken.length < count) taken.push(await running.next());
    return taken.map(({ op, id }) => `${op} ${id}`);
  };
  expect(await take(5)).toEqual([0, 1, 2, 3, 4].map((n) => `release n${n}`));
  expect(JSON.parse(running.said.stdout.split('\n')[0]!)).toMatchObject(JSON.parse(all[0]!));
  // a line that is cut, and one that says itself what is to be done
  const forged = all[6]!.replace('{', '{"op": "retract", ');
  appendFileSync(at('log.ndjson'), all[5]! + forged + all[7]!.slice(0, 40));
  expect(await take(2)).toEqual(['release n5', 'release n6']);
  expect(await running.end()).toEqual({ code: 143, rest: '' });
  expect(lines('record/log/quarantine.ndjson')).toEqual([]);
  appendFileSync(at('log.ndjson'), all[7]!.slice(40));
  running = run();
  expect(await take(1)).toEqual(['release n7']);
  // only what has come is read, and what was refused stays refused
  appendFileSync(at('log.ndjson'), `{"id": "bad", "label": 9}\n${all[10]!}`);
  expect(await take(1)).toEqual(['release n10']);
  appendFileSync(at('log.ndjson'), all[11]!);
  expect(await take(1)).toEqual(['release n11']);
  expect(running.said.stderr).toMatch(/1 more of 10 samples usable/);
  expect(lines('record/log/quarantine.ndjson').map(({ id }) => id)).toEqual(['bad']);
  expect(metrics('log').dataset.train).toBe(10);
  // another file takes its place
  writeFileSync(at('log.new'), all.slice(6, 10).join(''));
  renameSync(at('log.new'), at('log.ndjson'));
  expect((await take(10)).sort()).toEqual([
    ...['n8', 'n9'].map((id) => `release ${id}`),
    ...['n0', 'n1', 'n10', 'n11', 'n2', 'n3', 'n4', 'n5'].map((id) => `retract ${id}`),
  ]);
  expect(lines('record/log/quarantine.ndjson')).toEqual([]);
  expect(await running.end()).toEqual({ code: 143, rest: '' });
  // of the file that is there now, to the beginning of its last line
  const looked = await dataelixir(['state', 'log.state'], { cwd: folder });
  const [source, ...others] = JSON.parse(looked.stdout).sources;
  const offset = all.slice(6, 9).join('').length;
  expect([source, others]).toEqual([
    { source: at('log.ndjson'), samples: 4, unusable: 0, file: at('log.ndjson'), offset },
    [],
  ]);
}, 240_000);

it('tells its orchestrator of a pass that failed, and that the next one did not', async () => {
  const good = tinySamples(3);
  writeFileSync(at('late.ndjson'), '{"id": "bad", "label": 0, "image": "none"}\n');
  const running = following([
    'late.ndjson',
    ...['--state', 'late.state', '--save-folder-name', 'late', '--dataset-classes', '4'],
    ...['--observer-path', 'observer.onnx', '--metrics-port', '0', '--windows', 'fd:3'],
  ]);
  await running.heard(/\(trying again\)\n/);
  const [, url] = /\[metrics\] at (\S+)\n/.exec(running.said.stderr)!;
  const health = async () => (await fetch(new URL('/healthz', url))).status;
  const lastPass = async () => {
    const metrics = await (await fetch(url!)).text();
    return Number(/^dataelixir_last_pass_timestamp_seconds (\S+)$/m.exec(metrics)![1]);
  };
  expect([await health(), await lastPass()]).toEqual([503, 0]);
  appendFileSync(at('late.ndjson'), good);
  expect(await running.next()).toMatchObject({ samples: 3 });
  expect(await health()).toBe(200);
  expect(Math.abs(Date.now() / 1000 - (await lastPass()))).toBeLessThan(60);
  expect(running.said.stderr).toContain('pass 1: 3 new, 0 changed, 0 withdrawn (0 corrected), 1 quarantined');
  appendFileSync(at('late.ndjson'), good.replaceAll('"id": "n', '"id": "m'));
  expect(await running.next()).toMatchObject({ samples: 6 });
  expect((await running.end()).code).toBe(143);
  // the descriptor is open for each pass
  const windows = (await running.side).trimEnd().split('\n');
  expect(windows.map((line) => JSON.parse(line).samples)).toEqual([3, 6]);
}, 240_000);
