// The side stream of windows as others see it: through an inherited descriptor, in a file, and when it cannot be.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataelixir, SOURCE } from './program.ts';

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
