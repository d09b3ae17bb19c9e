// What a repaired dataset of JPEG files leaves as: names, kinds and bytes, whatever the number of workers; and what a
// state then tells of it.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawShape, SHAPE_CLASSES } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { interleave } from '../../src/datasets/sample.ts';
import { dataelixir } from './program.ts';

const CONFIG = `
seed: 5
dataset: { train: [in] }
classifier: { widths: [4, 8], epochs: 12, batch: 20, learningRate: 0.05 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 2, steps: 2, keep: 2 }
detect: { rule: divergence, threshold: 0, sides: two-sided, minority: 2, window: 50 }
`;

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
const purify = (...args: string[]) =>
  dataelixir(['purify', '--config', 'config.yaml', ...args], { cwd: folder });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-image-'));
  writeFileSync(at('config.yaml'), CONFIG);
  for (let i = 0; i < 40; i++) {
    const { pixels, shape, label } = drawShape('train', i);
    const [, height, width] = shape;
    const jpeg = sharp(interleave(pixels, shape), { raw: { height, width, channels: 3 } }).jpeg();
    mkdirSync(at('in', SHAPE_CLASSES[label]!), { recursive: true });
    writeFileSync(at('in', SHAPE_CLASSES[label]!, `${i % 4}${i}.JPEG`), await jpeg.toBuffer());
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Line {
  readonly id: string;
  readonly label: number;
  readonly image: string;
  readonly path?: string;
}

function linesOf(path: string): Line[] {
  const lines = readFileSync(at(path), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

function filesOf(name: string): Map<string, string> {
  const root = at('record', name, 'purified');
  const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = found.map((one) => join(one.parentPath, one.name)).sort();
  return new Map(paths.map((path) => [path.slice(root.length + 1), readFileSync(path, 'base64')]));
}

it('gives JPEG back as JPEG, under the name that it had, with any number of workers, and corrections say the same', async () => {
  const state = ['--state', 'it.state'];
  expect(await purify('--save-folder-name', 'png', '--workers', '1', ...state)).toMatchObject({ code: 0 });
  const same = ['--workers', '2', '--diffusion-batch', '3', '--output-image', 'same', ...state];
  expect(await purify('--save-folder-name', 'one', ...same)).toMatchObject({ code: 0 });
  const files = filesOf('one');
  const stems = (names: Iterable<string>) => [...names].map((name) => name.replace(/\.(png|jpg|JPEG)$/, ''));
  expect(stems(files.keys())).toEqual(stems(filesOf('png').keys()));
  const manifest = linesOf('record/one/purified/manifest.ndjson');
  const repaired = manifest.filter(({ image }) => image === 'purified');
  expect(repaired.length).toBeGreaterThan(0);
  expect(manifest.filter(({ path }) => path !== undefined).length).toBeGreaterThan(0);
  const fileOf = ({ id, path = `${id}.JPEG` }: Line) => files.get(path)!;
  for (const line of manifest.filter(({ image }) => image !== 'none')) {
    const { id, label, path = `${id}.JPEG` } = line;
    expect(path).toMatch(new RegExp(`^${SHAPE_CLASSES[label]}/${id.split('/')[1]}(~\\d)?\\.(JPEG|jpg)$`));
    expect(Buffer.from(fileOf(line), 'base64').subarray(0, 2).toString('hex')).toBe('ffd8');
  }
  const corrections = linesOf('record/one/corrections.ndjson');
  expect(corrections.map(({ id, image }) => [id, image])).toEqual(
    repaired.map((line) => [line.id, fileOf(line)]),
  );
});
