// What most images are is what a dataset is, whichever comes first.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';
import { openStream } from '../../src/datasets/stream.ts';
import { evenly, Survey, spreadOver } from '../../src/datasets/survey.ts';
import { pngOf, readAll, temporaryFolder } from './make.ts';

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

const COLOR: ImageShape = [3, 4, 4];
const GRAY: ImageShape = [1, 4, 4];
const LARGE: ImageShape = [3, 9, 7];
const line = (i: number, shape: ImageShape) =>
  `${JSON.stringify({ id: `s${i}`, label: i % 2, image: pngOf(i, shape).toString('base64') })}\n`;

/** `many` images with `one` at the front. */
const linesOf = (one: ImageShape, many: ImageShape, count = 12) =>
  [line(0, one), ...Array.from({ length: count }, (_, i) => line(i + 1, many))].join('');

async function* inChunks(text: string): AsyncGenerator<Buffer> {
  for (let at = 0; at < text.length; at += 100) yield Buffer.from(text.slice(at, at + 100));
}

const SOURCES: readonly [string, (text: string) => ReturnType<typeof openDataset | typeof openStream>][] = [
  [
    'a file',
    (text) => {
      writeFileSync(join(root, 'a.ndjson'), text);
      return openDataset(join(root, 'a.ndjson'));
    },
  ],
  [
    'a folder of files',
    (text) => {
      for (const [i, one] of text.trimEnd().split('\n').entries()) {
        writeFileSync(join(root, `${String(i).padStart(2, '0')}.ndjson`), `${one}\n`);
      }
      return openDataset(root);
    },
  ],
  ['a stream', (text) => openStream('it', inChunks(text), { classes: 2 })],
];

describe.each(SOURCES)('%s', (_, open) => {
  test('a gray image at the front joins those in color', async () => {
    const dataset = await open(linesOf(GRAY, COLOR));
    expect(dataset.info.shape).toEqual(COLOR);
    const { samples, bad } = await readAll(dataset as Awaited<ReturnType<typeof openDataset>>);
    expect([samples.length, bad]).toEqual([13, []]);
    const [first] = samples;
    expect(first!.pixels.subarray(0, 16)).toEqual(first!.pixels.subarray(32));
  });

  test('one image of another size at the front is refused, and one in color among gray ones', async () => {
    for (const [one, many] of [
      [LARGE, COLOR],
      [COLOR, GRAY],
    ] as const) {
      const dataset = await open(linesOf(one, many));
      expect(dataset.info.shape).toEqual(many);
      const { samples, bad } = await readAll(dataset as Awaited<ReturnType<typeof openDataset>>);
      expect([samples.length, bad.length]).toEqual([12, 1]);
    }
  });
});

test('class folders are looked at from their first to their last image', async () => {
  for (let i = 0; i < 150; i++) {
    const folder = join(root, `c${i % 2}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${String(i).padStart(3, '0')}.png`), pngOf(i, i < 60 ? GRAY : COLOR));
  }
  const dataset = await openDataset(root);
  expect(dataset.info.shape).toEqual(COLOR);
  expect((await readAll(dataset)).bad).toEqual([]);
});

test('the size of most; where images are resized and no size is common, the middle one', () => {
  const survey = new Survey();
  for (const side of [90, 10, 30, 20, 10]) survey.add([3, side, side]);
  expect(survey.shapeOf()).toEqual([3, 10, 10]);
  expect(survey.shapeOf({ resize: true })).toEqual([3, 20, 20]);
  survey.add([1, 10, 10]);
  expect(survey.shapeOf({ resize: true, channels: 1 })).toEqual([1, 10, 10]);
});

test('what is looked at is spread evenly, and not more than twice as much as was asked for', async () => {
  const numbers = async function* (count: number) {
    for (let i = 0; i < count; i++) yield i;
  };
  expect(await evenly(numbers(5), 4)).toEqual([0, 1, 2, 3, 4]);
  expect(await evenly(numbers(100), 4)).toEqual([0, 16, 32, 48, 64, 80, 96]);
  expect(spreadOver([0, 1, 2, 3, 4, 5, 6], 3)).toEqual([0, 2, 4]);
});
