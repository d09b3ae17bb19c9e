// What people lose when a program writes over what it reads, with the program itself: sources, models and records stay
// byte for byte, and the message names both options.

import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { networkMetadata } from '../../src/weights/network-metadata.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { dataelixir } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const call = (...args: string[]) => dataelixir(args, { cwd: folder });
const purify = (...args: string[]) => call('purify', ...args, '--config', 'config.yaml');
const TRAIN_DENOISER = ['--denoiser-steps', '1', '--denoiser-channels', '8', '--denoiser-groups', '4'];

/** Of everything in a folder of the test. */
function digest(name: string): string {
  const hash = createHash('sha256');
  for (const entry of (readdirSync(at(name), { recursive: true }) as string[]).sort()) {
    hash.update(entry);
    if (statSync(at(name, entry)).isFile()) hash.update(readFileSync(at(name, entry)));
  }
  return hash.digest('hex');
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-inputs-'));
  await writeTinyNetworks(folder);
  writeFileSync(at('a.ndjson'), tinySamples(12));
  writeFileSync(at('x, y.ndjson'), tinySamples(6));
  expect(await purify('a.ndjson', '--state', 'S')).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true }));

it('a record is not begun over what the run reads, with or without --overwrite', async () => {
  const before = digest('record');
  const observer = join('record', 'run', 'models', 'observer.onnx');
  const named = ['--observer-path', observer];
  const calls = [
    call('purify', 'a.ndjson', '--config', 'config.yaml', ...named, '--state', 'S'),
    purify('record/run/purified', '--overwrite'),
    call('purify', 'a.ndjson', '--config', 'record/run/config.yaml', '--overwrite'),
  ];
  const found = [/record folder .* observer\.path, .*models\/observer\.onnx/, /dataset\.train/, /--config/];
  for (const [n, { code, stderr }] of (await Promise.all(calls)).entries()) {
    expect([code, stderr]).toEqual([2, expect.stringMatching(found[n]!)]);
  }
  expect(digest('record')).toBe(before);
});

it('train writes over no source, and over another file only with --overwrite', async () => {
  const train = (...more: string[]) => call('train', 'a.ndjson', '--config', 'config.yaml', ...more);
  const source = readFileSync(at('a.ndjson'));
  const over = await train('--output-path', 'a.ndjson', '--overwrite');
  expect([over.code, over.stderr]).toEqual([2, expect.stringMatching(/output\.path .* dataset\.train/)]);
  writeFileSync(at('mine.onnx'), 'mine');
  const used = await train('--output-path', 'mine.onnx');
  expect([used.code, used.stderr]).toEqual([
    7,
    expect.stringMatching(/mine\.onnx in use; .* pass --overwrite/),
  ]);
  expect([readFileSync(at('a.ndjson')), readFileSync(at('mine.onnx'), 'utf8')]).toEqual([source, 'mine']);
  expect(await train('--output-path', 'mine.onnx', '--overwrite')).toMatchObject({ code: 0 });
  expect(statSync(at('mine.onnx')).size).toBeGreaterThan(100);
  expect(await train('--output-path', 'deep/new/mine.onnx')).toMatchObject({ code: 0 });
});

it('train-denoiser replaces weights only where it is told to, and goes on from a state of its own', async () => {
  const train = (path: string, ...more: string[]) =>
    call('train-denoiser', 'a.ndjson', '--denoiser-path', path, ...TRAIN_DENOISER, ...more);
  copyFileSync(at('a.ndjson'), at('b.ndjson'));
  const used = await train('b.ndjson');
  expect([used.code, used.stderr]).toEqual([7, expect.stringMatching(/denoiser\.path: .*b\.ndjson in use/)]);
  expect(readFileSync(at('b.ndjson'))).toEqual(readFileSync(at('a.ndjson')));
  // the name that the state of the training would get
  writeFileSync(at('d.state.safetensors'), 'mine');
  const beside = await train('d.safetensors', '--overwrite');
  expect([beside.code, beside.stderr]).toEqual([7, expect.stringMatching(/state of a training or nothing/)]);
  expect(readFileSync(at('d.state.safetensors'), 'utf8')).toBe('mine');
  const metadata = {
    step: '5',
    ...networkMetadata({ kind: 'small-cnn', config: { shape: [1, 8, 8], classes: 2, widths: [4] } }),
  };
  await writeSafetensors(at('e.state.safetensors'), new Map(), metadata);
  const anew = await train('e.safetensors');
  expect([anew.code, anew.stderr]).toEqual([
    7,
    expect.stringMatching(/--denoiser-resume to go on .* --overwrite/),
  ]);
});

it('--overwrite, which speaks of a record, lets windows replace windows alone', async () => {
  const source = readFileSync(at('a.ndjson'));
  writeFileSync(at('notes.txt'), 'mine');
  writeFileSync(at('w.ndjson'), '{"window":0,"samples":3}\n');
  const detect = (path: string) =>
    dataelixir(['detect', '--dataset-classes', '3', '--overwrite', '--windows', path], { cwd: folder });
  const [over, other, own] = await Promise.all([
    purify('a.ndjson', '--overwrite', '--save-folder-name', 'w', '--windows', 'a.ndjson'),
    detect('notes.txt'),
    detect('w.ndjson'),
  ]);
  expect([over.code, over.stderr]).toEqual([2, expect.stringMatching(/detect\.windows .* dataset\.train/)]);
  expect([other.code, other.stderr]).toEqual([
    2,
    expect.stringMatching(/detect\.windows: expected a new file/),
  ]);
  expect([readFileSync(at('a.ndjson')), readFileSync(at('notes.txt'), 'utf8')]).toEqual([source, 'mine']);
  expect([own.code, readFileSync(at('w.ndjson'), 'utf8')]).toEqual([0, '']);
});

it('a dataset in one file leaves what stands where its manifest would go', async () => {
  writeFileSync(at('out.tar.manifest.ndjson'), 'mine');
  const output = ['--output-path', 'out.tar', '--output-format', 'webdataset', '--save-folder-name', 'tar'];
  const { code, stderr } = await purify('a.ndjson', ...output);
  expect([code, stderr]).toEqual([
    7,
    expect.stringMatching(/out\.tar\.manifest\.ndjson, where the manifest goes/),
  ]);
  expect(readFileSync(at('out.tar.manifest.ndjson'), 'utf8')).toBe('mine');
});

it('an argument is one source, with a comma in it, too', async () => {
  const one = await purify('x, y.ndjson', '--save-folder-name', 'comma');
  expect(one).toMatchObject({ code: 0 });
  expect(JSON.parse(one.stdout)).toMatchObject({ samples: 6 });
  const two = await call('evaluate', 'a.onnx', 'b.onnx');
  expect([two.code, two.stderr]).toEqual([
    2,
    expect.stringMatching(/expected one MODEL, found a\.onnx b\.onnx/),
  ]);
});

it('a place on whose way a file stands, or that needs a folder, is refused before the work, whatever the command', async () => {
  writeFileSync(at('file'), 'mine');
  const calls = [
    call('train', 'a.ndjson', '--config', 'config.yaml', '--output-path', 'file/m.onnx'),
    call('train-denoiser', 'a.ndjson', '--denoiser-path', 'file/d.safetensors', ...TRAIN_DENOISER),
    call('detect', '--dataset-classes', '3', '--windows', 'file/w.ndjson'),
    call('poison', 'a.ndjson', '--attack', 'badnet', '--output-path', 'file/poisoned'),
    call('poison', 'a.ndjson', '--attack', 'badnet', '--output-path', 'file'),
    call('merge', 'S', 'record', '--state', 'file'),
    call('merge', 'S', 'record', '--state', 'file/T'),
  ];
  const codes = (await Promise.all(calls)).map(({ code }) => code);
  expect(codes).toEqual([7, 7, 7, 7, 2, 6, 6]);
  expect(readFileSync(at('file'), 'utf8')).toBe('mine');
});
