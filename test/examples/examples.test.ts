// The examples of docs/examples, run as they stand: what users copy has to work.

import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { openWriter } from '../../src/index.ts';
import { SOURCE } from '../cli/program.ts';
import { projectPath } from '../support/paths.ts';
import { writeTinyModels } from '../support/tiny-models.ts';

const CONFIG = `
workers: 2
classifier: { widths: [4, 8], epochs: 1, batch: 20 }
diffusion: { rounds: 1, steps: 1, keep: 1, batch: 8 }
`;

let folder: string;
let models: { denoiser: string; observer: string };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-examples-'));
  models = await writeTinyModels(folder);
  writeFileSync(join(folder, 'purify.yaml'), CONFIG);
  mkdirSync(join(folder, 'datasets'));
  const options = { format: 'class-folders', classes: 10, shape: [3, 32, 32] } as const;
  const writer = await openWriter(join(folder, 'datasets/batch'), options);
  for (let i = 0; i < 60; i++) await writer.write(drawShape('train', i));
  await writer.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in the folder; `DATAELIXIR` is this project's source, or what `env` says. */
function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const tool = { DATAELIXIR: [process.execPath, ...SOURCE].join(' ') };
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...tool, ...env } });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] += text;
    });
  }
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => done({ code, ...output }));
  });
}

const example = (name: string) => projectPath(`docs/examples/${name}`);

describe('gate.sh', () => {
  const gate = (...args: string[]) => [example('gate.sh'), ...args];
  const rest = () => [
    '--config',
    'purify.yaml',
    '--denoiser-path',
    models.denoiser,
    '--observer-path',
    models.observer,
  ];

  it('lets a dataset pass in which nothing is found, and stops one in which something is', async () => {
    // an observer that has learned something
    const learned = '--observer-path= --classifier-epochs 12 --diffusion-steps 2 --diffusion-keep 2';
    const paper = '--detect-rule divergence --detect-sides two-sided --detect-minority 2 --detect-threshold';
    const options = [...rest(), ...learned.split(' '), ...paper.split(' ')];
    const clean = await run('sh', gate('clean', 'datasets/batch', ...options, '1e6'));
    expect(clean).toMatchObject({ code: 0, stdout: '' });
    // a threshold of nothing flags whatever stands out at all
    const poisoned = await run('sh', gate('poisoned', 'datasets/batch', ...options, '0'));
    expect(poisoned.stderr).toContain('gate: poisoned is poisoned');
    expect(poisoned.code).toBe(8);
  });

  it('stops a dataset of which nobody can tell', async () => {
    const ended = await run('sh', gate('dark', 'datasets/batch', ...rest()));
    expect(ended.stderr).toContain('gate: dark could not be judged');
    expect(ended.code).toBe(9);
  });

  it.each([
    ['[]', ['clean', 'undecided'], 0, 0],
    ['[]', ['undecided', 'undecided'], 0, 9],
    ['[]', [], 0, 9],
    // --fail-on undecided
    ['[]', ['clean', 'undecided'], 8, 9],
    ['[1]', ['clean', 'target'], 0, 8],
  ])('with targets %s and classes %j, code %d becomes %d', async (targets, states, code, expected) => {
    const classes = JSON.stringify(states.map((state, label) => ({ label, state })));
    const tool = join(folder, 'told.sh');
    writeFileSync(tool, `echo '{"targetLabels":${targets},"classes":${classes}}'; exit ${code}`);
    expect((await run('sh', gate('told', 'any'), { DATAELIXIR: `sh ${tool}` })).code).toBe(expected);
  });

  it('tries again what fails by accident, and at once gives up what cannot succeed', async () => {
    const flaky = join(folder, 'flaky.sh');
    const count = `n=$(($(cat ${folder}/count 2>/dev/null || echo 0) + 1)); echo $n > ${folder}/count`;
    writeFileSync(
      flaky,
      `${count}; [ $n -ge 3 ] || exit 5; echo '{"targetLabels":[],"classes":[{"state":"clean"}]}'`,
    );
    const again = await run('sh', gate('flaky', 'any'), { DATAELIXIR: `sh ${flaky}`, PAUSE: '0' });
    expect(again.code).toBe(0);
    expect(again.stderr).toBe('gate: ended with 5, 2 tries left\ngate: ended with 5, 1 tries left\n');
    const missing = await run('sh', gate('missing', 'nowhere', ...rest()));
    expect(missing.code).toBe(3);
    expect(missing.stderr).not.toContain('tries left');
  });
});

describe('Makefile', () => {
  it('purifies what is new, once, and again what changed', async () => {
    const make = () => run('make', ['-f', example('Makefile'), 'batch.done']);
    const first = await make();
    expect(first).toMatchObject({ code: 0 });
    const metrics = join(folder, 'record/batch/metrics.json');
    const made = statSync(metrics).mtimeMs;
    expect((await make()).stdout).toContain('up to date');
    expect(statSync(metrics).mtimeMs).toBe(made);
    const later = new Date(Date.now() + 5000);
    utimesSync(join(folder, 'datasets/batch'), later, later);
    expect((await make()).code).toBe(0);
    expect(statSync(metrics).mtimeMs).toBeGreaterThan(made);
  });
});

describe('pipe.py', () => {
  it('sends images through and takes them back', async () => {
    const args = [
      example('pipe.py'),
      models.denoiser,
      '--observer-path',
      models.observer,
      '--config',
      'purify.yaml',
    ];
    const ended = await run('python3', args);
    expect(ended.stderr).not.toContain('error');
    expect(ended).toMatchObject({ code: 0 });
    expect(JSON.parse(ended.stdout)).toEqual({ settled: 120, first: 'square-0' });
  });
});

it('the README of the examples names all of them', () => {
  const readme = readFileSync(example('README.md'), 'utf8');
  for (const name of readdirSync(example(''))) if (name !== 'README.md') expect(readme).toContain(name);
});
