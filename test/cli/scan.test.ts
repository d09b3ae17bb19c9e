// `scan` beside `purify`: the same verdict, and nothing else.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dataelixir } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

const SAMPLES = `${tinySamples(40)}{"id": "bad", "label": 1, "image": "AAAA"}\n`;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const run = (command: string, source: string, ...args: string[]) => {
  const all = [
    command,
    source,
    '--config',
    'config.yaml',
    '--observer-path',
    'observer.onnx',
    '--dataset-classes',
    '4',
    ...args,
  ];
  return dataelixir(all, { cwd: folder, stdin: source === '-' ? SAMPLES : '' });
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-scan-'));
  await writeTinyNetworks(folder);
  writeFileSync(at('data.ndjson'), SAMPLES);
});
afterAll(() => rmSync(folder, { recursive: true }));

it('says what purify says, keeps the evidence, and makes no dataset', async () => {
  const [scanned, purified] = await Promise.all([
    run('scan', 'data.ndjson', '--save-folder-name', 'scanned'),
    run('purify', 'data.ndjson', '--save-folder-name', 'purified'),
  ]);
  expect([scanned.code, purified.code]).toEqual([0, 0]);
  expect(JSON.parse(scanned.stdout)).toEqual(JSON.parse(purified.stdout));
  const record = (...parts: string[]) => at('record', 'scanned', ...parts);
  expect(readFileSync(record('verdict.json'), 'utf8')).toBe(
    readFileSync(at('record', 'purified', 'verdict.json'), 'utf8'),
  );
  expect(readdirSync(record('models'))).toEqual(['observer.onnx']);
  expect(existsSync(record('purified'))).toBe(false);
  expect(readFileSync(record('quarantine.ndjson'), 'utf8').trim().split('\n')).toHaveLength(1);
  const metrics = JSON.parse(readFileSync(record('metrics.json'), 'utf8'));
  expect(metrics).toMatchObject({ dataset: { train: 40 } });
  expect(metrics.totals.denoiserCalls).toBe(40 * metrics.cost.denoiserCallsPerSample);
  expect(metrics.totals.denoiserCalls).toBeGreaterThan(0);
  expect(scanned.stderr).toMatch(/\[scan\] (No poison was found|Poison was found) in/);
});

it('takes a pipe, stops a job, and refuses options that it does not read', async () => {
  const piped = await run('scan', '-', '--save-folder-name', 'piped', '--fail-on', 'undecided');
  const verdict = JSON.parse(piped.stdout) as { classes: readonly { state: string; samples: number }[] };
  const doubted = verdict.classes.some(({ state, samples }) => samples > 0 && state !== 'clean');
  expect(piped.code).toBe(doubted ? 8 : 0);
  for (const args of [
    ['--output-path', 'x'],
    ['--state', 'x'],
    ['--repair-method', 'drop'],
  ]) {
    const { code, stderr } = await run('scan', 'data.ndjson', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(args[0]!)]);
  }
});
