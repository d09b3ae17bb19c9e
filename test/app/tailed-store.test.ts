// What `--follow` keeps of one growing file from pass to pass, as the configuration says that images are to be read.

import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import type { Context } from '../../src/app/context.ts';
import { TailedStore } from '../../src/app/tailed-store.ts';
import { encodePng } from '../../src/datasets/images/png.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';

const SHAPE: ImageShape = [3, 8, 8];

function lineOf(id: string, side: number): string {
  const shape: ImageShape = [3, side, side];
  const image = encodePng({ pixels: new Uint8Array(3 * side * side).fill(90), shape });
  return `${JSON.stringify({ id, label: 1, image: Buffer.from(image).toString('base64') })}\n`;
}

/** Reads a file with an image of the size of the dataset, and then one of twice the size that has come since. */
async function readTwice(resize: string) {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-tailed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'grows.ndjson');
  const settings = loadSettings({
    file: { name: 'test.yaml', text: `dataset: { resize: ${resize} }` },
    readPreset: () => ({ name: '', text: '' }),
  });
  const log = { progress: () => undefined, info: () => undefined };
  const context = { settings, log, signal: new AbortController().signal } as unknown as Context;
  const refused: string[] = [];
  const refuse = async (bad: { readonly message: string }) => void refused.push(bad.message);
  const tail = new TailedStore(path, folder);
  onTestFinished(() => tail.reset());
  const counts: number[] = [];
  for (const [id, side] of [
    ['same', 8],
    ['larger', 16],
  ] as const) {
    appendFileSync(path, lineOf(id, side));
    await tail.goesOn();
    const filled = await tail.fill(context, { name: 'grows', format: 'ndjson', shape: SHAPE }, refuse);
    counts.push(filled!.store.count);
  }
  return { counts, refused };
}

it('resizes images of another size where the configuration says so', async () => {
  expect(await readTwice('resize')).toEqual({ counts: [1, 2], refused: [] });
});

it('refuses them where it does not', async () => {
  const { counts, refused } = await readTwice('refuse');
  expect(counts).toEqual([1, 1]);
  expect(refused).toEqual([expect.stringMatching(/expected images of \[3,8,8\], found \[3,16,16\]/)]);
});
