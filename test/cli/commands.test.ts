// The commands as a user runs them, on tiny networks: what they print, what they leave on disk, how they end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Verdict } from '../../src/defense/verdict/verdict.ts';
import { dataelixir, type Ended, HUMAN, SOURCE } from './program.ts';

const CONFIG = `
seed: 5
workers: 2
dataset: { name: shapes, train: ['shapes:train'], test: ['shapes:test'], limit: 120, testLimit: 40 }
classifier: { widths: [4, 8], epochs: 12, batch: 20, learningRate: 0.05 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 40, channels: 8, multipliers: [1, 2], groups: 4, steps: 4, batch: 4, checkpointEvery: 2 }
diffusion: { rounds: 2, steps: 2, keep: 2, batch: 8 }
# A threshold of nothing flags several classes, so that every stage has work.
detect: { rule: divergence, threshold: 0, sides: two-sided, minority: 2, window: 50 }
`;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const call = (...args: string[]): Promise<Ended> =>
  dataelixir([...args, '--config', 'config.yaml'], { cwd: folder });
const json = (...parts: string[]) => JSON.parse(readFileSync(at(...parts), 'utf8'));
const ndjson = (...parts: string[]) =>
  readFileSync(at(...parts), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** Name and content of every file in a folder. */
function contents(root: string): Map<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(root.length), readFileSync(path, 'base64')]));
}

let run: Ended;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-commands-'));
  writeFileSync(at('config.yaml'), CONFIG);
  run = await call('run', '--attack', 'badnet', '--save-folder-name', 'badnet');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('run', () => {
  it('ends with a table on stdout and logs on stderr', () => {
    expect(run.stderr).not.toContain('error');
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(
      /^model +accuracy +attack success\nclean .*\nbackdoored .*\ndefended .*\n\nflagged labels: /,
    );
    expect(run.stderr).toMatch(/\[poison\] 12 of 120 samples poisoned with badnet/);
    expect(run.stderr).toMatch(/\[denoiser\] written to /);
    expect(run.stdout).not.toContain('[');
    expect(run.stderr).not.toContain('\r');
  });

  it('leaves a record', () => {
    expect(readdirSync(at('record/badnet')).sort()).toEqual([
      '.dataelixir.ndjson',
      'config.yaml',
      'log.txt',
      'metrics.json',
      'models',
      'purified',
      'quarantine.ndjson',
      'transitions.ndjson',
      'truth.ndjson',
      'verdict.json',
    ]);
    expect(readdirSync(at('record/badnet/models')).sort()).toEqual(['benign.onnx', 'observer.onnx']);
    const config = parse(readFileSync(at('record/badnet/config.yaml'), 'utf8'));
    expect(config).toMatchObject({
      seed: 5,
      attack: { name: 'badnet', rate: 0.1 },
      diffusion: { rounds: 2 },
    });
    expect(Object.keys(config.versions)).toEqual(['dataelixir', 'node', 'onnxruntime']);
    expect(readFileSync(at('record/badnet/log.txt'), 'utf8')).toMatch(
      /^\d{4}-\S+Z \[read\] 120 of 120 samples/,
    );
  });

  it('writes metrics as fractions, with seconds by stage', () => {
    const fraction = expect.toSatisfy((value: number) => value >= 0 && value <= 1);
    const metrics = json('record/badnet/metrics.json');
    const rates = { ba: fraction, asr: fraction };
    expect(metrics).toMatchObject({
      dataset: { name: 'shapes', train: 120, test: 40, classes: 10 },
      attack: { name: 'badnet', labels: 'all-to-one', rate: 0.1, target: 0 },
      clean: rates,
      backdoored: rates,
      defended: rates,
      detection: {
        targetLabels: json('record/badnet/verdict.json').targetLabels,
        tpr: fraction,
        fpr: fraction,
      },
    });
    const { seconds, peakRssMiB, denoiserCallsPerSample } = metrics.cost;
    for (const stage of [
      'denoiser',
      'clean',
      'observer',
      'observe',
      'select',
      'train',
      'relabel',
      'write',
      'evaluate',
    ]) {
      expect(seconds[stage], stage).toBeGreaterThanOrEqual(0);
    }
    expect(peakRssMiB).toBeGreaterThan(50);
    const purified = ndjson('record/badnet/purified/manifest.ndjson').filter(
      ({ image }) => image === 'purified',
    );
    expect(purified.length).toBeGreaterThan(0);
    // Two rounds of two steps for every sample, and once more for those whose purified image was made.
    expect(denoiserCallsPerSample).toBeCloseTo(4 + (4 * purified.length) / 120, 9);
  });

  it('says of every sample what was done and why', () => {
    const manifest = ndjson('record/badnet/purified/manifest.ndjson');
    expect(manifest).toHaveLength(120);
    for (const line of manifest)
      expect(Object.keys(line)).toEqual([
        ...['id', 'given', 'label', 'image', 'rule', 'reason'],
        ...(line.image === 'none' ? [] : ['path']),
      ]);
    const truth = ndjson('record/badnet/truth.ndjson');
    expect(manifest.map(({ id }) => id)).toEqual(truth.map(({ id }) => id));
    expect(truth.filter(({ poisoned }) => poisoned)).toHaveLength(12);
    const flagged: number[] = json('record/badnet/verdict.json').targetLabels;
    expect(flagged.length).toBeGreaterThan(0);
    for (const { given, rule } of manifest) expect(rule === 'unflagged').toBe(!flagged.includes(given));
  });

  it('does not overwrite its record unless told to', async () => {
    const again = await call('run', '--save-folder-name', 'badnet');
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toMatch(/found a finished record at .*--overwrite/);
    expect(existsSync(at('record/badnet/metrics.json'))).toBe(true);
  });

  it('shares the model trained on clean data between runs', async () => {
    const few = ['--dataset-limit', '40', '--classifier-epochs', '2'];
    const args = ['run', '--attack', 'badnet', '--evaluation-clean', 'models/clean.onnx', ...few];
    const first = await call(...args, '--save-folder-name', 'first');
    expect(first.stderr).toContain('[clean] trained');
    const second = await call(...args, '--save-folder-name', 'second', '--seed', '6');
    expect(second.code).toBe(0);
    expect(second.stderr).not.toContain('[clean] trained');
    expect(json('record/second/metrics.json').clean).toEqual(json('record/first/metrics.json').clean);
    expect(readdirSync(at('models'))).toEqual(['clean.onnx']);
  });
});

describe('purify', () => {
  it('needs no ground truth, and gives the same bytes with other numbers of workers and batches', async () => {
    const observer = ['--observer-path', 'record/badnet/models/observer.onnx'];
    const one = await call('purify', ...observer, '--save-folder-name', 'one', '--workers', '1');
    const two = ['--save-folder-name', 'two', '--diffusion-batch', '5', '--in-flight', '30'];
    expect(one).toMatchObject({ code: 0 });
    expect(await call('purify', ...observer, ...two)).toEqual({ ...one, stderr: expect.anything() });
    expect(Object.keys(json('record/one/metrics.json'))).toEqual(['dataset', 'detection', 'cost', 'totals']);
    expect(JSON.parse(one.stdout)).toEqual(json('record/one/verdict.json'));
    for (const part of ['purified', 'models']) {
      expect(contents(at('record/two', part))).toEqual(contents(at('record/one', part)));
    }
    for (const part of ['verdict.json', 'transitions.ndjson', 'quarantine.ndjson']) {
      expect(readFileSync(at('record/two', part), 'utf8')).toBe(readFileSync(at('record/one', part), 'utf8'));
    }
  });

  it('sets bad samples aside and reads what it wrote', async () => {
    cpSync(at('record/one/purified'), at('damaged'), { recursive: true });
    const [image] = readdirSync(at('damaged'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /png$/.test(name),
    );
    truncateSync(at('damaged', image!), 40);
    const ended = await call(
      'purify',
      'damaged',
      '--save-folder-name',
      'damaged',
      '--output-format',
      'webdataset',
    );
    expect(ended.code).toBe(0);
    const [bad, ...others] = ndjson('record/damaged/quarantine.ndjson');
    expect(others).toEqual([]);
    expect(bad).toMatchObject({ code: 'sample', offset: 0, message: expect.any(String) });
    expect(bad.source).toContain(image);
    expect(json('record/damaged/purified/dataset.json').samples).toBe(119);
  });
});

describe('filters', () => {
  it('transitions prints what detect tests as purify did, but for the recovered triggers', async () => {
    const printed = await call('transitions', '--observer-path', 'record/badnet/models/observer.onnx');
    expect(printed.code).toBe(0);
    const lines = printed.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(120);
    expect(JSON.parse(lines[0]!)).toEqual({
      id: expect.any(String),
      label: expect.any(Number),
      raw: expect.any(Number),
      labels: [expect.toSatisfy((row) => row.length === 2), expect.toSatisfy((row) => row.length === 2)],
      scores: expect.toSatisfy((row) => row.length === 10),
    });
    const args = ['detect', '--config', 'config.yaml', '--dataset-classes', '10'];
    const judged = await dataelixir(args, { cwd: folder, stdin: printed.stdout });
    expect(judged.code).toBe(0);
    const tested = ({ classes, samples }: Verdict) => ({
      samples,
      classes: classes.map(({ label, metric, interval }) => ({ label, metric, interval })),
    });
    expect(tested(JSON.parse(judged.stdout))).toEqual(tested(json('record/one/verdict.json')));
  });

  it('transitions ends quietly when its reader has seen enough', async () => {
    const args = [
      'transitions',
      '--config',
      'config.yaml',
      '--observer-path',
      'record/badnet/models/observer.onnx',
    ];
    const child = spawn(process.execPath, [...SOURCE, ...args], {
      cwd: folder,
      env: { ...process.env, ...HUMAN },
    });
    child.stdout.once('data', () => child.stdout.destroy());
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    expect(stderr).not.toContain('error');
    expect(code).toBe(141);
  });

  it('detect refuses what is no record', async () => {
    const args = ['detect', '--dataset-classes', '10'];
    const ended = await dataelixir(args, { cwd: folder, stdin: '{"id":"a","label":11}\n' });
    expect(ended).toMatchObject({ code: 3, stdout: '' });
    expect(ended.stderr).toMatch(/labels below 10 on line 1/);
    expect(await dataelixir(['detect'], { cwd: folder })).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('single steps', () => {
  it('poison, train and evaluate work from files to files', async () => {
    expect(await call('poison', '--attack', 'badnet', '--output-path', 'poisoned')).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(readdirSync(at('poisoned')).sort()).toEqual(['train', 'triggered', 'truth.ndjson']);
    expect(json('poisoned/triggered/dataset.json').samples).toBe(36);
    const trained = await call('train', 'poisoned/train', '--output-path', 'trained.onnx');
    expect(trained.code).toBe(0);
    const evaluated = await call('evaluate', 'trained.onnx', '--attack', 'badnet');
    expect(evaluated.code).toBe(0);
    expect(JSON.parse(evaluated.stdout)).toEqual({ ...JSON.parse(trained.stdout), asr: expect.any(Number) });
    const again = await call('poison', '--attack', 'badnet', '--output-path', 'poisoned');
    expect(again).toMatchObject({ code: 2 });
    expect(again.stderr).toMatch(/found poisoned in use/);
  });

  it('evaluate holds a manifest against the truth', async () => {
    const truth = [
      { id: 'a', poisoned: true, trueLabel: 3 },
      { id: 'b', poisoned: true, trueLabel: 2 },
      { id: 'c', poisoned: false, trueLabel: 0 },
      { id: 'd', poisoned: false, trueLabel: 0, cover: true },
    ];
    const entry = { image: 'raw', rule: 'named', reason: '' };
    const manifest = [
      { id: 'a', given: 0, label: 3, ...entry },
      { id: 'b', given: 0, label: 0, ...entry },
      { id: 'c', given: 0, label: 0, ...entry, image: 'none' },
      { id: 'd', given: 0, label: 0, ...entry },
    ];
    const write = (name: string, lines: readonly object[]) =>
      writeFileSync(at(name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    write('truth.ndjson', truth);
    write('manifest.ndjson', manifest);
    const both = ['--evaluation-manifest', 'manifest.ndjson', '--evaluation-truth', 'truth.ndjson'];
    const judged = await call('evaluate', ...both);
    expect(judged.code).toBe(0);
    expect(JSON.parse(judged.stdout)).toEqual({ detection: { tpr: 0.5, fpr: 0.5, labelAccuracy: 1 } });
    const half = await call('evaluate', ...both.slice(2));
    expect(half).toMatchObject({ code: 2, stdout: '' });
    expect(half.stderr).toMatch(/evaluation.manifest: expected a file beside the other one/);
  });

  it('train-denoiser goes on where it was cut off', async () => {
    const first = await call(
      'train-denoiser',
      '--denoiser-path',
      'own.safetensors',
      '--denoiser-limit',
      '10',
    );
    expect(first).toMatchObject({ code: 0, stdout: '' });
    const more = ['--denoiser-steps', '6', '--denoiser-resume'];
    const second = await call('train-denoiser', '--denoiser-path', 'own.safetensors', ...more);
    expect(second.code).toBe(0);
    expect(second.stderr).toMatch(/going on after step 4/);
    const other = await call(
      'train-denoiser',
      '--denoiser-path',
      'own.safetensors',
      '--denoiser-resume',
      '--denoiser-blocks',
      '2',
    );
    expect(other).toMatchObject({ code: 4 });
    expect(other.stderr).toMatch(/found that of another/);
  });
});

describe('endings', () => {
  it.each([
    ['no such dataset', 3, ['purify', 'nowhere'], /expected a dataset at .*nowhere/],
    [
      'no denoiser',
      2,
      ['purify', '--denoiser-path', 'none.ckpt', '--denoiser-sources', ''],
      /denoiser\.path: .*none\.ckpt/,
    ],
    ['damaged weights', 4, ['purify', '--denoiser-path', 'config.yaml'], /config\.yaml/],
    [
      'missing engine',
      5,
      ['purify', '--engine', 'tfjs', '--workers', '1'],
      /@tensorflow\/tfjs-node-gpu .*install it/,
    ],
    [
      'a device for one thread',
      2,
      ['purify', '--engine', 'tfjs'],
      /workers: expected 1 with tfjsBackend node-gpu/,
    ],
    [
      'an attack that does not fit',
      2,
      ['run', '--attack', 'badnet', '--attack-target', '10'],
      /attack\.target/,
    ],
  ])('%s', async (_, code, args, message) => {
    const ended = await call(...args, '--save-folder-name', 'fails');
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).not.toContain('    at ');
  });

  it('shows the stack with debug logs only', async () => {
    const ended = await call('purify', 'nowhere', '--log-level', 'debug');
    expect(ended.stderr).toContain('    at ');
  });

  it('cleans up when interrupted', async () => {
    const args = [
      'purify',
      '--config',
      'config.yaml',
      '--diffusion-steps',
      '150',
      '--save-folder-name',
      'cut',
    ];
    const child = spawn(process.execPath, [...SOURCE, ...args], {
      cwd: folder,
      env: { ...process.env, ...HUMAN },
    });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
      if (/\[observer\] trained/.test(stderr) && !child.killed) setTimeout(() => child.kill('SIGINT'), 300);
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    expect(stderr).toMatch(/interrupted, cleaning up\n$/);
    expect(readdirSync(at('record/cut')).filter((name) => /scratch|partial|metrics/.test(name))).toEqual([]);
  });
});
