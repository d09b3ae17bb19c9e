// Runs with `--state`, as a user makes them: what a second run costs, what growth costs, what is corrected, who is
// refused, and that a killed run leaves nothing behind that the next one could trip over.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { State } from '../../src/state/state.ts';
import { dataelixir, type Ended, SOURCE } from './program.ts';

const CONFIG = `
seed: 5
workers: 1
dataset: { name: shapes, train: ['shapes:train'], classes: 10 }
classifier: { widths: [4, 8], epochs: 12, batch: 20, learningRate: 0.05 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 2, steps: 2, keep: 2, batch: 8 }
detect: { rule: divergence, threshold: 0, sides: two-sided, minority: 2, window: 50 }
`;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const argsOf = (limit: number, state: string, name: string) => [
  ...['purify', '--config', 'config.yaml', '--dataset-limit', `${limit}`],
  ...['--state', state, '--save-folder-name', name],
];
const purify = (limit: number, state: string, name: string, ...more: string[]): Promise<Ended> =>
  dataelixir([...argsOf(limit, state, name), ...more], { cwd: folder });

/** Denoiser calls of a run. */
function calls(name: string): number {
  const { cost, dataset } = JSON.parse(readFileSync(at('record', name, 'metrics.json'), 'utf8'));
  return Math.round(cost.denoiserCallsPerSample * dataset.train);
}

/** Everything that a run gave away, but for seconds and log. */
function results(name: string): Map<string, string> {
  const parts = readdirSync(at('record', name), { recursive: true, withFileTypes: true });
  const files = parts.filter((entry) => entry.isFile() && !/^(metrics|config|log)\./.test(entry.name));
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(at('record', name).length), readFileSync(path, 'base64')]));
}

async function contents(name: string): Promise<string[]> {
  const state = await State.open(at(name), 'test');
  const lines: string[] = [];
  for await (const { key, value } of state.contents())
    lines.push(`${key} ${Buffer.from(value).toString('base64')}`);
  await state.close();
  return lines;
}

const corrections = (name: string) =>
  readFileSync(at('record', name, 'corrections.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-state-'));
  writeFileSync(at('config.yaml'), CONFIG);
  expect(await purify(40, 'grown', 'first')).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true }));

it('costs no denoiser call over the same source, and changes nothing', async () => {
  expect(calls('first')).toBe(40 * 4);
  const before = await contents('grown');
  expect(await purify(40, 'grown', 'again', '--windows', 'windows.ndjson')).toMatchObject({ code: 0 });
  expect(JSON.parse(readFileSync(at('windows.ndjson'), 'utf8'))).toMatchObject({ window: 0, samples: 40 });
  expect(calls('again')).toBe(0);
  expect(results('again')).toEqual(results('first'));
  expect(await contents('grown')).toEqual(before);
  const windows = before.filter((line) => line.startsWith('run/window/'));
  expect(windows).toHaveLength(1);
  const { samples, table } = JSON.parse(Buffer.from(windows[0]!.split(' ')[1]!, 'base64').toString());
  expect([samples, table.samples.reduce((sum: number, some: number) => sum + some, 0)]).toEqual([40, 40]);
});

it('costs what is new when the dataset grows, and ends like a run from scratch', async () => {
  // a run may replace the windows that an earlier one with the state wrote
  expect(await purify(60, 'grown', 'larger', '--windows', 'windows.ndjson')).toMatchObject({ code: 0 });
  expect(readFileSync(at('windows.ndjson'), 'utf8').match(/"samples":(50|10),"table"/g)).toHaveLength(2);
  expect(calls('larger')).toBe(20 * 4);
  expect(await purify(60, 'fresh', 'scratch')).toMatchObject({ code: 0 });
  const own = ([path]: [string, string]) => path !== '/corrections.ndjson';
  expect([...results('larger')].filter(own)).toEqual([...results('scratch')].filter(own));
});

it('shows what it holds, and how far the source was read', async () => {
  const before = await contents('grown');
  const { code, stdout } = await dataelixir(['state', 'grown'], { cwd: folder });
  const { samples, ...shown } = JSON.parse(stdout);
  const { targetLabels } = JSON.parse(readFileSync(at('record', 'larger', 'verdict.json'), 'utf8'));
  expect([code, shown]).toMatchObject([
    0,
    { classes: 10, runs: 2, targetLabels, candidates: 60, windows: 2, identity: { 'diffusion.rounds': 2 } },
  ]);
  const place = { source: 'shapes:train', file: 'shapes:train' };
  expect(shown.sources).toEqual([{ ...place, samples: 60, unusable: 0, offset: 59 }]);
  expect(samples.raw + samples.purified + samples.none).toBe(60);
  expect(shown.networks).toBeGreaterThan(0);
  expect(await contents('grown')).toEqual(before);
  const none = await dataelixir(['state', 'nowhere'], { cwd: folder });
  expect([none.code, none.stderr]).toEqual([6, expect.stringMatching(/expected a state at .*found none/)]);
  expect(readdirSync(folder)).not.toContain('nowhere');
});

it('corrects what was released when the verdict changes, and takes back what is missing', async () => {
  const changed = await purify(60, 'fresh', 'cleared', '--detect-threshold', '1000000');
  expect(changed).toMatchObject({ code: 0 });
  expect(calls('cleared')).toBe(0);
  const verdict = (name: string) => JSON.parse(readFileSync(at('record', name, 'verdict.json'), 'utf8'));
  expect(verdict('scratch').targetLabels.length).toBeGreaterThan(0);
  expect(verdict('cleared').targetLabels).toEqual([]);
  const lines = corrections('cleared');
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toMatchObject({ op: expect.stringMatching(/replace|release/) });
  expect(await purify(50, 'fresh', 'smaller', '--detect-threshold', '1000000')).toMatchObject({ code: 0 });
  const gone = corrections('smaller');
  expect(gone).toHaveLength(10);
  for (const { op, why } of gone) expect({ op, why }).toMatchObject({ op: 'retract' });
  // called again, as after a run that was killed when all was said: what it said must not be lost with its record
  expect(await purify(50, 'fresh', 'smaller', '--detect-threshold', '1000000')).toMatchObject({ code: 0 });
  expect(corrections('smaller')).toEqual(gone);
});

it('tells changes on stdout where that is asked for', async () => {
  const more = ['--detect-threshold', '1000000', '--output-path', '-', '--output-changes'];
  const told = await purify(60, 'grown', 'told', ...more);
  expect(told.code).toBe(0);
  // the other state has the same history
  const expected = readFileSync(at('record', 'cleared', 'corrections.ndjson'), 'utf8');
  expect(told.stdout).toBe(expected);
  expect(readdirSync(at('record', 'told'))).not.toContain('corrections.ndjson');
});

it('refuses a state that is in use, of another purification, or no state, and leaves it as it is', async () => {
  const before = await contents('grown');
  const other = await purify(40, 'grown', 'other', '--diffusion-rounds', '3');
  expect(other).toMatchObject({ code: 6, stdout: '' });
  expect(other.stderr).toMatch(/diffusion\.rounds 2 instead of 3/);
  expect(await contents('grown')).toEqual(before);
  const state = await State.open(at('grown'), 'test');
  const second = await purify(40, 'grown', 'second');
  await state.close();
  expect(second).toMatchObject({ code: 6, stdout: '' });
  expect(second.stderr).toMatch(/another process/);
  mkdirSync(at('mine'));
  writeFileSync(at('mine', 'notes.txt'), 'mine');
  expect((await purify(40, 'mine', 'none')).code).toBe(6);
  expect(readdirSync(at('mine'))).toEqual(['notes.txt']);
});

it('ends as if nothing had happened after being killed at any moment', async () => {
  expect(await purify(40, 'whole', 'whole')).toMatchObject({ code: 0 });
  let kills = 0;
  for (const milliseconds of [500, 650, 800, 900, 1000, 1100]) {
    const child = spawn(process.execPath, [...SOURCE, ...argsOf(40, 'killed', 'killed')], { cwd: folder });
    const ended = new Promise((done) => child.once('close', (_, signal) => done(signal)));
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    if ((await ended) === 'SIGKILL') kills += 1;
    clearTimeout(timer);
  }
  expect(kills).toBeGreaterThan(0);
  expect(await purify(40, 'killed', 'killed')).toMatchObject({ code: 0 });
  expect(results('killed')).toEqual(results('whole'));
  expect(await contents('killed')).toEqual(await contents('whole'));
}, 120_000);
