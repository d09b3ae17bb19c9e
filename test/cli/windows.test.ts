// The side stream of windows as others see it: through an inherited descriptor, in a file, and when it cannot be.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { dataelixir, HUMAN, SOURCE } from './program.ts';

const RECORDS = Array.from({ length: 25 }, (_, n) => {
  const label = n % 3;
  return `${JSON.stringify({ id: `s${n}`, label, raw: label, labels: [[label, (label + 1) % 3]] })}\n`;
}).join('');
const DETECT = ['detect', '--dataset-classes', '3', '--detect-window', '10', '--detect-sliding', '2'];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-windows-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const parsed = (lines: string) =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

it('writes a line a window to an open descriptor, with table, estimate and running estimate', async () => {
  const child = spawn(process.execPath, [...SOURCE, ...DETECT, '--windows', 'fd:3'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  child.stdin!.end(RECORDS);
  const [stdout, side] = await Promise.all([
    text(child.stdout!),
    text(child.stdio[3] as NodeJS.ReadableStream as AsyncIterable<Uint8Array>),
  ]);
  const lines = parsed(side);
  expect(lines.map(({ window, samples }) => [window, samples])).toEqual([
    [0, 10],
    [1, 10],
    [2, 5],
  ]);
  expect(lines.map(({ estimate, running }) => [estimate.samples, running.samples])).toEqual([
    [10, 10],
    [20, 20],
    [15, 25],
  ]);
  expect(lines[0].table).toMatchObject({ classes: 3, samples: [4, 3, 3] });
  const verdict = JSON.parse(stdout);
  expect(verdict.targetLabels).toEqual(lines[2].running.targetLabels);
  expect(verdict.samples).toBe(25);
});

it('writes a new file, and leaves alone what stands there', async () => {
  const args = [...DETECT, '--windows', 'windows.ndjson'];
  expect(await dataelixir(args, { cwd: folder, stdin: RECORDS })).toMatchObject({ code: 0 });
  const before = readFileSync(join(folder, 'windows.ndjson'), 'utf8');
  expect(parsed(before)).toHaveLength(3);
  writeFileSync(join(folder, 'mine.txt'), 'mine');
  const other = await dataelixir([...DETECT, '--windows', 'mine.txt'], { cwd: folder, stdin: RECORDS });
  expect(other).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/expected a new file/) });
  expect(readFileSync(join(folder, 'mine.txt'), 'utf8')).toBe('mine');
});

it('refuses a descriptor that is not open, and says so when the place cannot be written', async () => {
  const closed = await dataelixir([...DETECT, '--windows', 'fd:77'], { cwd: folder, stdin: RECORDS });
  expect(closed).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/fd:77.*77>/) });
  const nowhere = await dataelixir([...DETECT, '--windows', 'no/such/folder'], {
    cwd: folder,
    stdin: RECORDS,
  });
  expect(nowhere.code).toBe(7);
  expect(nowhere.stderr).toMatch(/expected to write no\/such\/folder, found: ENOENT/);
});

const COUNT = 3000;

/** The program with a pipe as its fd 3, and more records on stdin than all pipes on the way hold. */
function piped() {
  const path = join(mkdtempSync(join(folder, 'pipe-')), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, 'w');
  const args = ['detect', '--dataset-classes', '3', '--detect-window', '1', '--windows', 'fd:3'];
  const child = spawn(process.execPath, [...SOURCE, ...args], {
    cwd: folder,
    env: { ...process.env, ...HUMAN },
    stdio: ['pipe', 'pipe', 'pipe', writer],
  }) as ChildProcessWithoutNullStreams;
  onTestFinished(() => void child.kill('SIGKILL'));
  closeSync(writer);
  let taken = 0;
  function* records() {
    const note = 'x'.repeat(1000);
    for (; taken < COUNT; taken++)
      yield `{"id":"${taken}","label":0,"raw":0,"labels":[[0]],"note":"${note}"}\n`;
  }
  Readable.from(records()).pipe(child.stdin.on('error', () => undefined));
  const ended = once(child, 'close').then(([code]) => code as number);
  const stderr = text(child.stderr);
  return {
    child,
    reader,
    stdout: text(child.stdout),
    stderr,
    ended,
    /** Records that were taken when no more are, once the first windows are told. */
    async stalled(): Promise<number> {
      await once(child.stderr, 'data');
      for (let before = -1; before !== taken; await setTimeout(300)) before = taken;
      return taken;
    },
  };
}

it('waits for a slow reader of a pipe, and loses nothing', async () => {
  const { reader, stalled, stdout, ended } = piped();
  expect(await stalled()).toBeLessThan(COUNT / 2);
  const pipe = new Socket({ fd: reader, writable: false });
  const seen: number[] = [];
  for await (const line of createInterface(pipe)) seen.push(JSON.parse(line).window);
  expect(seen).toEqual(Array.from({ length: COUNT }, (_, n) => n));
  expect(JSON.parse(await stdout).samples).toBe(COUNT);
  expect(await ended).toBe(0);
});

it('ends when it is interrupted, though nobody reads', async () => {
  const { child, reader, stalled, ended } = piped();
  expect(await stalled()).toBeLessThan(COUNT / 2);
  child.kill('SIGTERM');
  expect(await ended).toBe(143);
  closeSync(reader);
});

it('goes on without a reader that went away, and says so once', async () => {
  const { reader, stdout, stderr, ended } = piped();
  closeSync(reader);
  expect(JSON.parse(await stdout).samples).toBe(COUNT);
  expect((await stderr).match(/warn: nobody reads fd:3 any more; windows go nowhere\n/g)).toHaveLength(1);
  expect(await ended).toBe(0);
});
