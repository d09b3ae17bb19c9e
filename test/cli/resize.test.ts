// Images that are not of the networks' size, as a user has them: resized for the networks, or cut into tiles.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open.ts';
import type { ImageShape, Sample } from '../../src/datasets/sample.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import type { ManifestEntry } from '../../src/ports/records.ts';
import { jpegOf, pixelsOf, pngOf, readAll } from '../datasets/make.ts';
import { dataelixir } from './program.ts';
import { writeTinyNetworks } from './tiny-networks.ts';

// flags more classes than it should, so that there is something to repair, and something to leave
const FLAGGING =
  '--detect-threshold 0 --detect-sides two-sided --repair-method rules --repair-stable keep ' +
  '--classifier-epochs 12 --classifier-learning-rate 0.05';
const SIZES: readonly ImageShape[] = [
  [1, 8, 8],
  [1, 20, 12],
  [1, 8, 11],
  [1, 5, 4],
];

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-resize-'));
  await writeTinyNetworks(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
const manifestOf = (path: string) => linesOf(path).map((line): ManifestEntry => JSON.parse(line));

/** NDJSON of images as others would write it, every third a JPEG. */
async function writeSamples(path: string, shapes: readonly ImageShape[]): Promise<string[]> {
  const lines = shapes.map(async (shape, i) => {
    const image = i % 3 === 2 ? await jpegOf(i, shape) : pngOf(i, shape);
    return `{"id": "n${i}", "image": "${image.toString('base64')}", "label": ${i % 4}}`;
  });
  const text = await Promise.all(lines);
  writeFileSync(path, `${text.join('\n')}\n`);
  return text;
}

it('resize: untouched images leave byte for byte, repaired ones in their own size', async () => {
  const shapes = Array.from({ length: 32 }, (_, i) => SIZES[(i >> 2) % 4]!);
  const given = await writeSamples(at('mixed.ndjson'), shapes);
  const args = ['purify', 'mixed.ndjson', '--config', 'config.yaml', '--dataset-resize', 'resize'];
  const output = ['--output-path', 'out.ndjson.gz', '--output-format', 'ndjson'];
  const ended = await dataelixir([...args, ...output, ...FLAGGING.split(' ')], { cwd: folder });
  expect(ended).toMatchObject({ code: 0 });
  const manifest = manifestOf(at('out.ndjson.gz.manifest.ndjson'));
  expect(manifest.map(({ resized }) => resized)).toEqual(
    shapes.map(([, ...size]) => (size[0] === 8 && size[1] === 8 ? undefined : size)),
  );
  const written = gunzipSync(readFileSync(at('out.ndjson.gz')))
    .toString()
    .split('\n');
  const kept = manifest.filter(({ image }) => image !== 'none');
  const { samples } = await readAll(await openDataset(at('out.ndjson.gz'), { resize: true, size: [8, 8] }));
  expect(samples.length).toBe(kept.length);
  const counts = { raw: 0, purified: 0 };
  for (const [n, { id, given: label, image, resized, ...entry }] of kept.entries()) {
    if (!resized) continue;
    const i = Number(id.slice(1));
    counts[image as 'raw']++;
    if (image === 'raw' && label === entry.label) expect(written[n]).toBe(given[i]);
    const png = Buffer.from(JSON.parse(written[n]!).image, 'base64');
    if (image === 'purified') expect([png.readUInt32BE(20), png.readUInt32BE(16)]).toEqual(resized);
  }
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
}, 120_000);

it('resize: formats of bare pixels take what networks saw, or the one size that all images came in', async () => {
  await writeSamples(at('few.ndjson'), SIZES);
  const args = ['purify', 'few.ndjson', '--config', 'config.yaml', '--observer-path', 'observer.onnx'];
  const options = ['--dataset-resize', 'resize', '--output-path', 'few.npz', '--output-format', 'npz'];
  const ended = await dataelixir([...args, ...options, '--save-folder-name', 'few'], { cwd: folder });
  expect(ended).toMatchObject({ code: 0 });
  const { samples } = await readAll(await openDataset(at('few.npz')));
  expect(samples.map(({ shape }) => shape)).toEqual(SIZES.map(() => [1, 8, 8]));

  const shape = [1, 12, 10] as const;
  const writer = await openWriter(at('whole.npz'), { format: 'npz', classes: 4, shape });
  const given = [0, 1, 2, 3].map(
    (i): Sample => ({ id: `n${i}`, label: i, pixels: pixelsOf(i, shape), shape }),
  );
  for (const sample of given) await writer.write(sample);
  await writer.close();
  args[1] = 'whole.npz';
  options[3] = 'whole-out.npz';
  const kept = await dataelixir([...args, ...options, '--save-folder-name', 'whole'], { cwd: folder });
  expect(kept).toMatchObject({ code: 0 });
  const manifest = manifestOf(at('whole-out.npz.manifest.ndjson'));
  expect(manifest.map(({ image, resized }) => [image, resized])).toEqual(given.map(() => ['raw', [12, 10]]));
  expect((await readAll(await openDataset(at('whole-out.npz')))).samples).toEqual(given);
}, 120_000);

it('tile: networks see whole images, the denoiser its tiles', async () => {
  const shapes = Array.from({ length: 12 }, (_, i): ImageShape => (i === 5 ? [1, 30, 30] : [1, 16, 12]));
  await writeSamples(at('large.ndjson'), shapes);
  const args = ['purify', 'large.ndjson', '--config', 'config.yaml', '--save-folder-name', 'tiled'];
  const wrong = await dataelixir(args, { cwd: folder });
  expect(wrong).toMatchObject({ code: 4 });
  expect(wrong.stderr).toMatch(/images of \[1,16,12\], found one for \[1,8,8\].*set .*dataset\.resize/);

  const ended = await dataelixir([...args, '--dataset-resize', 'tile', ...FLAGGING.split(' ')], {
    cwd: folder,
  });
  expect(ended).toMatchObject({ code: 0 });
  const manifest = manifestOf(at('record/tiled/purified/manifest.ndjson'));
  expect(manifest.every(({ tiles }) => tiles === 6)).toBe(true);
  expect(manifest.filter(({ resized }) => resized).map(({ id }) => id)).toEqual(['n5']);
  const metrics = JSON.parse(readFileSync(at('record/tiled/metrics.json'), 'utf8'));
  expect(metrics.cost.denoiserCallsPerSample).toBeGreaterThanOrEqual(6);
}, 120_000);

it('a size without resizing is refused', async () => {
  await writeSamples(at('one.ndjson'), [[1, 8, 8]]);
  const args = ['transitions', 'one.ndjson', '--config', 'config.yaml', '--observer-path', 'observer.onnx'];
  const ended = await dataelixir([...args, '--dataset-size', '8'], { cwd: folder });
  expect(ended).toMatchObject({ code: 2 });
  expect(ended.stderr).toContain('dataset.size: expected dataset.resize to be resize or tile');
}, 120_000);
