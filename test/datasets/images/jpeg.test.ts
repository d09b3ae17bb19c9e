import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeJpeg } from '../../../src/datasets/images/jpeg.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import { python, pythonHas } from '../../support/python.ts';
import { jpegOf, pixelsOf, pngOf, readAll, smoothOf, tar, temporaryFolder } from '../make.ts';

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

test.each([4, 1, 300])(
  '%i stray bytes before markers, as some cameras write, cost no image',
  async (count) => {
    const bytes = await jpegOf(3, SHAPE);
    const at = bytes.indexOf(Buffer.from([0xff, 0xdb]));
    const stray = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(count, 7), bytes.subarray(at)]);
    expect(await decodeJpeg(stray, LIMIT)).toEqual(await decodeJpeg(bytes, LIMIT));
    await expect(decodeJpeg(stray.subarray(0, -30), LIMIT)).rejects.toThrow(/expected a JPEG that decodes/);
  },
);

/** A JPEG of 8×8 equal pixels of cyan, magenta, yellow and black, inverted as Adobe stores them. ITU T.81 */
function jpegOfInks(inks: readonly number[]): Buffer {
  const segment = (marker: number, ...bytes: number[]) => [0xff, marker, 0, bytes.length + 2, ...bytes];
  // lengths of codes: 12 of four bits for how many bits a mean has, one of a single bit for "nothing more"
  const counts = (length: number, count: number) =>
    Array.from({ length: 16 }, (_, i) => (i + 1 === length ? count : 0));
  const components = [1, 2, 3, 4];
  const blocks = inks.map((ink) => {
    const mean = 8 * (255 - ink - 128);
    const size = mean === 0 ? 0 : 32 - Math.clz32(Math.abs(mean));
    const bits = mean < 0 ? mean + 2 ** size - 1 : mean;
    return `${size.toString(2).padStart(4, '0')}${size ? bits.toString(2).padStart(size, '0') : ''}0`;
  });
  const scan = blocks
    .join('')
    .match(/.{1,8}/g)!
    .map((bits) => Number.parseInt(bits.padEnd(8, '1'), 2));
  return Buffer.from([
    ...[0xff, 0xd8],
    ...segment(0xee, ...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, 0),
    ...segment(0xdb, 0, ...Array<number>(64).fill(1)),
    ...segment(0xc0, 8, 0, 8, 0, 8, 4, ...components.flatMap((id) => [id, 0x11, 0])),
    ...segment(0xc4, 0x00, ...counts(4, 12), ...Array.from({ length: 12 }, (_, i) => i)),
    ...segment(0xc4, 0x10, ...counts(1, 1), 0),
    ...segment(0xda, 4, ...components.flatMap((id) => [id, 0]), 0, 63, 0),
    ...scan.flatMap((byte) => (byte === 0xff ? [0xff, 0] : [byte])),
    ...[0xff, 0xd9],
  ]);
}

test.each([
  // cyan, magenta, yellow, black, and (1 − ink) · (1 − black) of each
  [0, 255, 255, 0, [255, 0, 0]],
  [255, 0, 255, 0, [0, 255, 0]],
  [255, 255, 0, 0, [0, 0, 255]],
  [0, 0, 200, 0, [255, 255, 55]],
  [0, 51, 255, 55, [200, 160, 0]],
  [10, 20, 30, 255, [0, 0, 0]],
])('inks %i, %i, %i, %i become %j, without a profile', async (c, m, y, k, color) => {
  const bytes = jpegOfInks([c, m, y, k]);
  expect((await sharp(bytes).metadata()).space).toBe('cmyk');
  const { pixels, shape } = await decodeJpeg(bytes, LIMIT);
  expect(shape).toEqual([3, 8, 8]);
  expect([...pixels]).toEqual(color.flatMap((value) => Array<number>(64).fill(value)));
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
