// Files that cost nothing to make and would cost gigabytes to decode: their headers tell, and are believed first.

import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage } from '../../../src/datasets/images/image.ts';
import { shapeInHeader } from '../../../src/datasets/images/image-header.ts';
import { decodePng } from '../../../src/datasets/images/png.ts';
import { pngHeader } from '../../../src/datasets/images/png-chunks.ts';
import { decodeLargePng } from '../../../src/datasets/images/png-large.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import type { ImageShape } from '../../../src/datasets/sample.ts';
import { jpegOf, pixelsOf, pngChunk, pngOf, ppmOf, rawPng, readAll, tar, temporaryFolder } from '../make.ts';

const MAX = 2 ** 20;
const SIGNATURE = pngOf(1, [1, 1, 1]).subarray(0, 8);

/** A PNG of a few bytes that claims to be of any size. */
function claiming(width: number, height: number): Buffer {
  return rawPng({ width, height, depth: 16, type: 6 }, Buffer.alloc(10));
}

test('a PNG of zeros costs nothing, one of very many chunks little', async () => {
  const zeros = Buffer.concat([SIGNATURE, Buffer.alloc(2 ** 24)]);
  const before = process.memoryUsage().rss;
  await expect(decodeImage(zeros, MAX)).rejects.toThrow(/expected a PNG header of 13 bytes first/);
  const head = pngOf(1, [1, 1, 1]).subarray(0, 33);
  const many = Buffer.concat([head, Buffer.alloc(12 * 2 ** 20)]);
  await expect(decodeImage(many, MAX)).rejects.toThrow(/at most 65536 chunks, found more/);
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 27);
});

const RGB = [3, 9, 7] as const;

test('a header tells the shape that decoding gives', async () => {
  const gray: ImageShape = [1, 9, 7];
  const raw = sharp(Buffer.from(pixelsOf(3, RGB)), { raw: { width: 7, height: 9, channels: 3 } });
  const files: (readonly [Uint8Array, ImageShape])[] = [
    [pngOf(1, RGB), RGB],
    [pngOf(1, gray), gray],
    [rawPng({ width: 2, height: 1, depth: 8, type: 4 }, Uint8Array.of(0, 7, 255, 8, 255)), [1, 1, 2]],
    [await jpegOf(1, RGB), RGB],
    [await jpegOf(1, gray), gray],
    [
      await raw
        .clone()
        .jpeg({ progressive: true })
        .withExif({ IFD0: { Copyright: 'x' } })
        .toBuffer(),
      RGB,
    ],
    [await raw.clone().jpeg({ mozjpeg: true }).toBuffer(), RGB],
    [ppmOf(1, RGB), RGB],
    [ppmOf(1, gray), gray],
  ];
  for (const [file, shape] of files) {
    expect(await shapeInHeader(file)).toEqual(shape);
    expect((await decodeImage(file, MAX)).shape).toEqual(shape);
  }
});

test('a header that says nothing is nobody’s shape', async () => {
  const jpeg = await jpegOf(1, RGB);
  for (const file of [
    Buffer.alloc(0),
    SIGNATURE,
    jpeg.subarray(0, 30),
    Buffer.from('P6\n9'),
    Buffer.from('GIF89a'),
  ]) {
    expect(await shapeInHeader(file)).toBeUndefined();
  }
  // segments that lead nowhere, one after the other
  expect(shapeInHeader(Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(2 ** 20, 0xff)]))).toBeUndefined();
});

test('images of another size are refused by their header, in every format of images', async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'folders/a'), { recursive: true });
  const files = [pngOf(1, RGB), claiming(4096, 4096), await jpegOf(1, [3, 40, 40]), ppmOf(1, [3, 11, 7])];
  files.forEach((bytes, i) => {
    writeFileSync(join(root, 'folders/a', `${i}.png`), bytes);
  });
  const lines = files.map((bytes, i) =>
    JSON.stringify({ id: `${i}`, label: 0, image: bytes.toString('base64') }),
  );
  writeFileSync(join(root, 'a.ndjson'), lines.join('\n'));
  const members = files.flatMap((bytes, i): [string, Buffer | string][] => [
    [`${i}.png`, bytes],
    [`${i}.cls`, '0'],
  ]);
  writeFileSync(join(root, 'a.tar'), await tar(members));
  for (const source of ['folders', 'a.ndjson', 'a.tar']) {
    let decoded = 0;
    const decoder = {
      ahead: 4,
      decode: (bytes: Uint8Array, maxPixels: number) => {
        decoded++;
        return decodeImage(bytes, maxPixels);
      },
    };
    const { samples, bad } = await readAll(await openDataset(join(root, source), { classes: 2, decoder }));
    expect(samples).toHaveLength(1);
    expect(decoded).toBe(1);
    expect(bad.map(({ message }) => message)).toEqual(
      ['3,4096,4096', '3,40,40', '3,11,7'].map((shape) =>
        expect.stringMatching(
          new RegExp(`^expected images of .3,9,7., found .${shape}. at sample .*dataset.resize`),
        ),
      ),
    );
  }
});

test('of large files only a few wait in memory, of small ones as many as may', async () => {
  const most = async (bytes: number) => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'a'));
    for (let i = 0; i < 40; i++) {
      const path = join(root, `a/${i}.png`);
      writeFileSync(path, pngOf(1, RGB));
      // zeros behind its end, which take no place on disk
      if (bytes > 0) truncateSync(path, bytes);
    }
    let [now, seen] = [0, 0];
    const decode = async () => {
      seen = Math.max(seen, ++now);
      await new Promise((done) => setTimeout(done, 2));
      now--;
      return { pixels: pixelsOf(1, RGB), shape: RGB };
    };
    const dataset = await openDataset(root, { decoder: { ahead: 50, decode } });
    expect((await readAll(dataset)).samples).toHaveLength(40);
    return seen;
  };
  expect(await most(0)).toBeGreaterThan(20);
  // in 256 MiB
  expect(await most(2 ** 24)).toBeLessThanOrEqual(16);
});

test('large images are decoded one at a time where they are resized', async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'a'));
  writeFileSync(join(root, 'a/0.png'), pngOf(1, RGB));
  for (let i = 1; i < 5; i++) writeFileSync(join(root, 'a', `${i}.png`), claiming(3000, 3000 + i));
  let [now, most] = [0, 0];
  const decode = async () => {
    most = Math.max(most, ++now);
    await new Promise((done) => setTimeout(done, 5));
    now--;
    return { pixels: pixelsOf(1, RGB), shape: RGB };
  };
  const dataset = await openDataset(root, { resize: true, decoder: { ahead: 8, decode } });
  expect((await readAll(dataset)).samples).toHaveLength(5);
  // the small one beside a large one
  expect(most).toBe(2);
});

test.each([
  ['RGB', pngOf(4, [3, 20, 30])],
  ['gray', pngOf(4, [1, 20, 30])],
  ['RGBA', rawPng({ width: 2, height: 1, depth: 8, type: 6 }, Uint8Array.of(0, 1, 2, 3, 255, 9, 8, 7, 4))],
  ['gray and alpha', rawPng({ width: 2, height: 1, depth: 8, type: 4 }, Uint8Array.of(0, 1, 0, 9, 7))],
  [
    'gray with a transparent one',
    rawPng({ width: 2, height: 1, depth: 8, type: 0 }, Uint8Array.of(0, 6, 7), [
      ['tRNS', Uint8Array.of(0, 7)],
    ]),
  ],
  ['gray of 4 bits', rawPng({ width: 3, height: 1, depth: 4, type: 0 }, Uint8Array.of(0, 0x0f, 0x80))],
  [
    'gray of 16 bits',
    rawPng({ width: 4, height: 1, depth: 16, type: 0 }, Uint8Array.of(0, 0, 0, 0, 128, 0, 129, 255, 255)),
  ],
  [
    'RGB of 16 bits',
    rawPng({ width: 1, height: 1, depth: 16, type: 2 }, Uint8Array.of(0, 0, 129, 1, 128, 250, 7)),
  ],
  [
    'palette',
    rawPng({ width: 3, height: 1, depth: 2, type: 3 }, Uint8Array.of(0, 0b00011000), [
      ['PLTE', Uint8Array.of(255, 0, 0, 0, 255, 0, 1, 2, 3)],
    ]),
  ],
])('large PNGs become what small ones would: %s', async (_, png) => {
  expect(await decodeLargePng(png, pngHeader(png, MAX))).toEqual(decodePng(png, MAX));
});

test('large PNGs are refused for what small ones are refused for, and for their size', async () => {
  const cut = pngOf(1, [3, 40, 40]).subarray(0, 400);
  await expect(decodeLargePng(cut, pngHeader(cut, MAX))).rejects.toThrow(/expected a PNG that decodes/);
  const huge = claiming(10_000, 10_000);
  await expect(decodeImage(huge, 2 ** 27)).rejects.toThrow(
    /at most 536870912 bytes of pixels, found a header of 10000×10000/,
  );
  expect(pngChunk('IEND', Buffer.alloc(0))).toHaveLength(12);
});

test('a large PNG comes as it is', async () => {
  const [width, height] = [2400, 2400];
  const raw = Buffer.alloc(width * height * 3, 77);
  const png = await sharp(raw, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  const { pixels, shape } = await decodeImage(png, 2 ** 27);
  expect(shape).toEqual([3, height, width]);
  expect(pixels.every((value) => value === 77)).toBe(true);
});
