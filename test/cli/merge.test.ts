// `merge` as users of several machines call it: two halves, one state, and a run over everything that has nothing left
// to diffuse; and what does not fit together.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolderBeside } from '../../src/files/work-folder.ts';
import { State } from '../../src/state/state.ts';
import { bury } from '../support/dead-owner.ts';
import { dataelixir } from './program.ts';

const CONFIG = `
seed: 5
workers: 1
dataset: { name: shapes, train: ['shapes:train'], classes: 10 }
classifier: { widths: [4, 8], epochs: 8, batch: 20, learningRate: 0.05 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 2, steps: 2, keep: 1, batch: 8 }
detect: { window: 10, canaries: 3 }
`;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const purify = (state: string, ...more: string[]) => {
  const args = ['purify', '--config', 'config.yaml', '--state', state, '--save-folder-name', state, ...more];
  return dataelixir(args, { cwd: folder });
};
const half = (offset: number) => ['--dataset-offset', `${offset}`, '--dataset-limit', '20'];
const merge = (out: string, ...parts: string[]) =>
  dataelixir(['merge', ...parts, '--state', out], { cwd: folder });

const callsOf = (name: string): number =>
  JSON.parse(readFileSync(at('record', name, 'metrics.json'), 'utf8')).cost.denoiserCallsPerSample;

/** What a run gave away, but for seconds and log, and for corrections of what parts released. */
function results(name: string): Map<string, string> {
  const entries = readdirSync(at('record', name), { recursive: true, withFileTypes: true });
  const files = entries.filter(
    (entry) => entry.isFile() && !/^(metrics|config|log|corrections)\./.test(entry.name),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return new Map(paths.map((path) => [path.slice(at('record', name).length), readFileSync(path, 'base64')]));
}

async function contents(name: string): Promise<Map<string, string>> {
  const state = await State.open(at(name), 'test');
  const found = new Map<string, string>();
  for await (const { key, value } of state.contents()) found.set(key, Buffer.from(value).toString('base64'));
  await state.close();
  return found;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-merge-'));
  writeFileSync(at('config.yaml'), CONFIG);
  expect(await purify('a', ...half(0))).toMatchObject({ code: 0 });
  expect(await purify('b', ...half(20))).toMatchObject({ code: 0 });
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true }));

it('makes of two halves what one machine over both would have', async () => {
  const before = [await contents('a'), await contents('b')];
  mkdirSync(at('both'));
  const merged = await merge('both', 'a', 'b');
  expect(merged).toMatchObject({ code: 0 });
  expect(JSON.parse(merged.stdout)).toEqual({ samples: 40, candidates: 40 });
  expect([await contents('a'), await contents('b')]).toEqual(before);
  const windows = [...(await contents('both')).keys()].filter((key) => key.startsWith('run/window/'));
  expect(windows).toEqual([0, 1, 2, 3].map((index) => `run/window/00000000${index}`));
  // as by somebody who was killed before he could say so
  const made = await contents('both');
  const left = await makeFolderBeside(folder, 'both');
  bury(left);
  expect(await merge('both', 'a', 'b')).toMatchObject({ code: 0, stdout: merged.stdout });
  expect([await contents('both'), existsSync(left)]).toEqual([made, false]);
  // another order gives windows in another order
  expect(await merge('both', 'b', 'a')).toMatchObject({ code: 6, stdout: '' });
  expect(await purify('both', '--dataset-limit', '40')).toMatchObject({ code: 0 });
  expect(await purify('one', '--dataset-limit', '40')).toMatchObject({ code: 0 });
  expect([callsOf('both'), callsOf('one') > 0]).toEqual([0, true]);
  expect(results('both')).toEqual(results('one'));
  // but for the number of the run, the very same state: canaries, networks, releases, windows, verdict
  const [both, one] = [await contents('both'), await contents('one')];
  both.delete('meta');
  one.delete('meta');
  expect([...both]).toEqual([...one]);
  expect([...one.keys()].filter((key) => key.startsWith('canary/'))).not.toEqual([]);
  expect(await merge('both', 'a', 'b')).toMatchObject({ code: 6, stdout: '' });
}, 180_000);

it('reads states where nothing can be written: to show one, and to merge several', async () => {
  mkdirSync(at('open'));
  chmodSync(folder, 0o755);
  chmodSync(at('open'), 0o777);
  const files = ['a', 'b'].flatMap((name) => readdirSync(at(name)).map((file) => at(name, file)));
  const before = files.map((file) => readFileSync(file, 'base64'));
  for (const file of files) chmodSync(file, 0o444);
  for (const name of ['a', 'b']) chmodSync(at(name), 0o555);
  // nobody can take rights from root
  const somebody = { cwd: folder, ...(process.getuid!() === 0 && { uid: 65_534 }) };
  const [shown, merged] = await Promise.all([
    dataelixir(['state', 'a'], somebody),
    dataelixir(['merge', 'a', 'b', '--state', 'open/both'], somebody),
  ]);
  for (const name of ['a', 'b']) chmodSync(at(name), 0o755);
  expect([shown.code, JSON.parse(shown.stdout)]).toMatchObject([0, { runs: 1, candidates: 20, windows: 2 }]);
  expect([merged.code, JSON.parse(merged.stdout)]).toEqual([0, { samples: 40, candidates: 40 }]);
  for (const file of files) chmodSync(file, 0o644);
  expect(['a', 'b'].flatMap((name) => readdirSync(at(name)).map((file) => at(name, file)))).toEqual(files);
  expect(files.map((file) => readFileSync(file, 'base64'))).toEqual(before);
});

it('refuses parts that contradict each other, and leaves nothing behind', async () => {
  cpSync(at('a'), at('liar'), { recursive: true });
  const state = await State.open(at('liar'), 'test');
  const json = { valueEncoding: 'json' };
  const [name, released] = (
    await state.database.iterator<string, object>({ gte: `${state.current}sample/`, limit: 1, ...json }).all()
  )[0]!;
  await state.database.put<string, object>(name, { ...released, label: 9, image: 'purified' }, json);
  await state.close();
  const before = [await contents('a'), await contents('liar')];
  const refused = await merge('none', 'a', 'liar');
  expect(refused).toMatchObject({ code: 6, stdout: '' });
  expect(refused.stderr).toMatch(/expected sample .* released alike.* as label 9, image purified instead of/);
  expect([await contents('a'), await contents('liar')]).toEqual(before);
  expect(readdirSync(folder).filter((entry) => entry.startsWith('none'))).toEqual([]);
});

it('refuses parts of different purifications, what is no state, a place that is taken, and a part twice', async () => {
  expect(await purify('other', ...half(20), '--diffusion-rounds', '1')).toMatchObject({ code: 0 });
  const different = await merge('none', 'a', 'other');
  expect(different).toMatchObject({ code: 6, stdout: '' });
  expect(different.stderr).toMatch(/diffusion\.rounds 1 instead of 2/);
  const missing = await merge('none', 'a', 'nowhere');
  expect(missing).toMatchObject({ code: 6, stderr: expect.stringMatching(/expected a state at .*nowhere/) });
  expect(existsSync(at('nowhere'))).toBe(false);
  const before = await contents('b');
  expect(await merge('b', 'a', 'other')).toMatchObject({ code: 6 });
  expect(await contents('b')).toEqual(before);
  expect(await merge('none', 'a', 'a')).toMatchObject({ code: 2 });
  expect(await dataelixir(['merge', 'a', 'b'], { cwd: folder })).toMatchObject({ code: 2 });
  expect(existsSync(at('none'))).toBe(false);
}, 180_000);
