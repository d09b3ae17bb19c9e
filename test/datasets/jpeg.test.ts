import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeJpeg } from '../../src/datasets/jpeg.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { python, pythonHas } from '../support/python.ts';
import { jpegOf, pixelsOf, pngOf, readAll, smoothOf, tar, temporaryFolder } from './make.ts';

const SHAPE = [3, 16, 24] as const;
const LIMIT = 10_000;

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

test.each([[3], [1]] as const)('%i channels: pixels as they were encoded', async (channels) => {
  const shape = [channels, 16, 24] as const;
  const image = await decodeJpeg(await jpegOf(3, shape), LIMIT);
  expect(image.shape).toEqual(shape);
  expect(largestDifference(image.pixels, smoothOf(3, shape))).toBeLessThanOrEqual(4);
});

test('neither EXIF nor a color profile changes the pixels', async () => {
  const plain = await jpegOf(3, SHAPE);
  const { pixels } = await decodeJpeg(plain, LIMIT);
  const marked = await sharp(plain)
    .withMetadata({ orientation: 6, icc: 'p3' })
    .jpeg({ quality: 100 })
    .toBuffer();
  const again = await decodeJpeg(marked, LIMIT);
  expect(again.shape).toEqual(SHAPE);
  const unmarked = await sharp(plain).keepIccProfile().jpeg({ quality: 100 }).toBuffer();
  expect(largestDifference((await decodeJpeg(unmarked, LIMIT)).pixels, pixels)).toBeLessThanOrEqual(6);
});

test.skipIf(!pythonHas('PIL'))('Pillow decodes to the same pixels', async () => {
  const path = join(root, 'x.jpg');
  writeFileSync(path, await jpegOf(5, SHAPE));
  const program =
    'import sys; from PIL import Image; print(Image.open(sys.argv[1]).convert("RGB").tobytes().hex())';
  const theirs = Buffer.from(python(program, path).trim(), 'hex');
  const { pixels } = await decodeJpeg(await jpegOf(5, SHAPE), LIMIT);
  const area = 16 * 24;
  const planar = Uint8Array.from(pixels, (_, i) => theirs[(i % area) * 3 + Math.floor(i / area)]!);
  expect(largestDifference(pixels, planar)).toBeLessThanOrEqual(1);
});

describe('refused', () => {
  test('more pixels than allowed, from the header alone', async () => {
    const bytes = await jpegOf(0, SHAPE);
    const start = bytes.subarray(0, bytes.indexOf(Buffer.from([0xff, 0xda])) + 30);
    await expect(decodeJpeg(start, 16 * 24 - 1)).rejects.toThrow(
      /expected at most 383 pixels, found a JPEG header of 24×16; .* raise dataset.maxPixels/,
    );
    await expect(decodeJpeg(bytes, 16 * 24)).resolves.toMatchObject({ shape: SHAPE });
  });

  test('whatever was cut off or damaged', async () => {
    const bytes = await jpegOf(0, [3, 40, 40]);
    for (const length of [3, 20, 200, bytes.length >> 1, bytes.length - 20]) {
      await expect(decodeJpeg(bytes.subarray(0, length), LIMIT)).rejects.toThrow(
        /expected a JPEG that decodes, found: .+; fetch or export it again/,
      );
    }
  });
});

describe('in every container', () => {
  test('class folders, beside other kinds', async () => {
    mkdirSync(join(root, 'a'));
    writeFileSync(join(root, 'a', '0.png'), pngOf(0, SHAPE));
    writeFileSync(join(root, 'a', '1.JPEG'), await jpegOf(1, SHAPE));
    writeFileSync(join(root, 'a', '2.jpg'), (await jpegOf(2, SHAPE)).subarray(0, -60));
    const { samples, bad } = await readAll(await openDataset(root));
    expect(samples.map((sample) => sample.id)).toEqual(['a/0', 'a/1']);
    expect(samples[0]!.pixels).toEqual(pixelsOf(0, SHAPE));
    expect(largestDifference(samples[1]!.pixels, smoothOf(1, SHAPE))).toBeLessThanOrEqual(4);
    expect(bad).toMatchObject([{ id: 'a/2', source: join(root, 'a', '2.jpg'), offset: 0 }]);
    expect(bad[0]!.message).toMatch(/expected a JPEG that decodes/);
  });

  test('class folders in a tar', async () => {
    const path = join(root, 'x.tar');
    writeFileSync(
      path,
      await tar([
        ['set/a/1.jpeg', await jpegOf(1, SHAPE)],
        ['set/b/2.JPEG', await jpegOf(2, SHAPE)],
      ]),
    );
    const dataset = await openDataset(path);
    expect(dataset.info).toMatchObject({ format: 'class-folders', classNames: ['a', 'b'] });
    expect((await readAll(dataset)).samples.map(({ id, label }) => [id, label])).toEqual([
      ['set/a/1', 0],
      ['set/b/2', 1],
    ]);
  });

  test("Tiny-ImageNet's extra level in a tar; splits without classes are passed over", async () => {
    const path = join(root, 'x.tar');
    writeFileSync(
      path,
      await tar([
        ['tiny/test/images/test_0.JPEG', await jpegOf(0, SHAPE)],
        ['tiny/train/n02/images/n02_0.JPEG', await jpegOf(2, SHAPE)],
        ['tiny/train/n01/images/n01_0.JPEG', await jpegOf(1, SHAPE)],
        ['tiny/val/images/val_0.JPEG', await jpegOf(0, SHAPE)],
      ]),
    );
    const dataset = await openDataset(path);
    expect(dataset.info.classNames).toEqual(['n01', 'n02']);
    expect((await readAll(dataset)).samples.map(({ id, label }) => [id, label])).toEqual([
      ['tiny/train/n02/images/n02_0', 1],
      ['tiny/train/n01/images/n01_0', 0],
    ]);
  });

  test('WebDataset', async () => {
    const path = join(root, 'x.tar');
    writeFileSync(
      path,
      await tar([
        ['1.jpg', await jpegOf(1, SHAPE)],
        ['1.cls', '4'],
        ['2.jpeg', (await jpegOf(2, SHAPE)).subarray(0, 300)],
        ['2.cls', '5'],
      ]),
    );
    const { samples, bad } = await readAll(await openDataset(path, { classes: 10 }));
    expect(samples).toMatchObject([{ id: '1', label: 4, shape: SHAPE }]);
    expect(largestDifference(samples[0]!.pixels, smoothOf(1, SHAPE))).toBeLessThanOrEqual(4);
    expect(bad).toMatchObject([{ id: '2', source: `${path}!2.jpeg`, offset: 2048 }]);
  });
});
