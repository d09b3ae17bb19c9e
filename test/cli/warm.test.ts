// `state.models: warm` as a user sees it: what a grown dataset no longer trains, and what is trained further.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { State } from '../../src/state/state.ts';
import { dataelixir } from './program.ts';

const CONFIG = `
seed: 5
workers: 1
dataset: { name: shapes, train: ['shapes:train'], classes: 10 }
classifier: { widths: [4, 8], epochs: 6, batch: 20, learningRate: 0.05 }
benign: { fineTuneEpochs: 2 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 1, steps: 2, keep: 2, batch: 8 }
detect: { rule: divergence, threshold: 1000000, minority: 2, window: 50 }
`;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const purify = (limit: number, name: string, ...more: string[]) => {
  const args = [
    'purify',
    '--config',
    'config.yaml',
    '--dataset-limit',
    `${limit}`,
    '--save-folder-name',
    name,
  ];
  return dataelixir([...args, ...more], { cwd: folder });
};
const warm = (limit: number, name: string) =>
  purify(limit, name, '--state', 'warm', '--state-models', 'warm');

/** Steps of each training of a run, as its log tells. */
const trainings = ({ stderr }: { readonly stderr: string }) =>
  [...stderr.matchAll(/\[(observer|benign)\] trained (\d+) steps/g)].map(([, role, steps]) => [
    role,
    Number(steps),
  ]);
const model = (name: string, role: string) =>
  readFileSync(at('record', name, 'models', `${role}.onnx`), 'base64');

async function contents(): Promise<string[]> {
  const state = await State.open(at('warm'), 'test');
  const lines: string[] = [];
  for await (const { key, value } of state.contents())
    lines.push(`${key} ${Buffer.from(value).toString('base64')}`);
  await state.close();
  return lines;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-warm-'));
  writeFileSync(at('config.yaml'), CONFIG);
});
afterAll(() => rmSync(folder, { recursive: true }));

it('trains no observer for new samples, and the benign model further', async () => {
  const first = await warm(40, 'first');
  expect(first).toMatchObject({ code: 0 });
  // nothing is flagged, so the benign model learns the very same and is remembered
  expect(trainings(first)).toEqual([['observer', 12]]);
  const before = await contents();
  const again = await warm(40, 'again');
  expect(trainings(again)).toEqual([]);
  expect(await contents()).toEqual(before);
  expect(model('again', 'benign')).toBe(model('first', 'benign'));

  const grown = await warm(60, 'grown');
  expect(grown).toMatchObject({ code: 0 });
  // two epochs of three steps instead of six
  expect(trainings(grown)).toEqual([['benign', 6]]);
  expect(model('grown', 'observer')).toBe(model('first', 'observer'));
  expect(model('grown', 'benign')).not.toBe(model('first', 'benign'));
  const after = await contents();
  expect(trainings(await warm(60, 'same'))).toEqual([]);
  expect(await contents()).toEqual(after);
  expect(after.filter((line) => line.startsWith('model/'))).toHaveLength(2);

  const scratch = await purify(60, 'scratch', '--state', 'scratch');
  expect(trainings(scratch)).toEqual([['observer', 18]]);
  expect(model('scratch', 'observer')).not.toBe(model('grown', 'observer'));
}, 180_000);

it('needs a state', async () => {
  const refused = await purify(40, 'none', '--state-models', 'warm');
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/state\.models: expected a state/),
  });
});
