import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage } from '../../src/datasets/image.ts';
import { shapeInHeader } from '../../src/datasets/image-header.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';
import { interleave } from '../../src/datasets/sample.ts';
import { SampleError } from '../../src/errors.ts';
import { pixelsOf, pngOf, readAll, tar, temporaryFolder } from './make.ts';

const MAX = 10_000;
const RGB = [3, 11, 14] as const;
const GRAY = [1, 11, 14] as const;

function rawOf(shape: ImageShape, pixels = pixelsOf(1, shape)): Sharp {
  const [channels, height, width] = shape;
  const image = sharp(interleave(pixels, shape), {
    raw: { width, height, channels: channels === 1 ? 1 : 3 },
  });
  return channels === 1 ? image.toColourspace('b-w') : image;
}

/** With alpha that is nowhere the same, and nowhere full. */
function clearOf(shape: ImageShape): Sharp {
  const [, height, width] = shape;
  const alpha = Buffer.from(Array.from({ length: height * width }, (_, i) => i % 255));
  return rawOf(shape).joinChannel(alpha, { raw: { width, height, channels: 1 } });
}

/** Of eight colors, so that a palette holds them. */
const FEW = pixelsOf(1, RGB).map((value) => (value > 127 ? 255 : 0));

test.each([
  ['WebP', RGB, () => rawOf(RGB).webp({ lossless: true })],
  ['WebP with alpha', RGB, () => clearOf(RGB).webp({ lossless: true, exact: true })],
  ['TIFF', RGB, () => rawOf(RGB).tiff({ compression: 'lzw' })],
  ['TIFF with alpha', RGB, () => clearOf(RGB).tiff({ compression: 'deflate' })],
  ['gray TIFF', GRAY, () => rawOf(GRAY).tiff({ compression: 'none' })],
  [
    'tiled TIFF',
    RGB,
    () => rawOf(RGB).tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }),
  ],
] as const)('%s: pixels as they are stored, alpha dropped', async (_, shape, encode) => {
  const bytes = await encode().toBuffer();
  const image = await decodeImage(bytes, MAX);
  expect(image).toEqual({ shape, pixels: pixelsOf(1, shape) });
  expect(await shapeInHeader(bytes)).toEqual(shape);
});

test('of a GIF the first frame', async () => {
  const [, height, width] = RGB;
  const both = Buffer.concat([interleave(FEW, RGB), Buffer.alloc(3 * height * width, 255)]);
  const bytes = await sharp(both, { raw: { width, height: 2 * height, channels: 3, pageHeight: height } })
    .gif({ dither: 0, delay: [100, 100] })
    .toBuffer();
  expect((await sharp(bytes).metadata()).pages).toBe(2);
  expect(await decodeImage(bytes, MAX)).toEqual({ shape: RGB, pixels: FEW });
  expect(await shapeInHeader(bytes)).toEqual(RGB);
});

test.each([8, 10] as const)('AVIF of %i bits', async (bitdepth) => {
  const pixels = pixelsOf(1, RGB).map((_, i) => 40 + (i % 14) * 9);
  const bytes = await rawOf(RGB, pixels).avif({ lossless: true, bitdepth }).toBuffer();
  const image = await decodeImage(bytes, MAX);
  expect(image.shape).toEqual(RGB);
  expect(Math.max(...image.pixels.map((value, i) => Math.abs(value - pixels[i]!)))).toBeLessThanOrEqual(2);
  expect(await shapeInHeader(bytes)).toEqual(RGB);
});

/** An uncompressed TIFF of one row: TIFF 6.0, section 2. */
function tiff(depth: number, photometric: number, samples: number, row: Buffer): Buffer {
  const tags = [
    [256, row.length / samples / (depth / 8)],
    [257, 1],
    [258, depth],
    [259, 1],
    [262, photometric],
    [273, 8],
    [277, samples],
    [278, 1],
    [279, row.length],
  ] as const;
  const directory = Buffer.alloc(2 + 12 * tags.length + 4);
  directory.writeUInt16LE(tags.length);
  for (const [i, [tag, value]] of tags.entries()) {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(3, 4 + 12 * i);
    directory.writeUInt32LE(1, 6 + 12 * i);
    directory.writeUInt32LE(value, 10 + 12 * i);
  }
  const header = Buffer.from([0x49, 0x49, 42, 0, 8 + row.length, 0, 0, 0]);
  return Buffer.concat([header, row, directory]);
}

test('TIFF of 16 bits is rounded to 8, inks become colors', async () => {
  const wide = Buffer.from(Uint16Array.of(0, 128, 129, 65535).buffer);
  expect(await decodeImage(tiff(16, 1, 1, wide), MAX)).toEqual({
    shape: [1, 1, 4],
    pixels: Uint8Array.of(0, 0, 1, 255),
  });
  expect(await decodeImage(tiff(16, 2, 3, wide.subarray(2)), MAX)).toEqual({
    shape: [3, 1, 1],
    pixels: Uint8Array.of(0, 1, 255),
  });
  expect((await decodeImage(tiff(8, 5, 4, Buffer.from([0, 51, 255, 55])), MAX)).pixels).toEqual(
    Uint8Array.of(200, 160, 0),
  );
  await expect(decodeImage(tiff(32, 1, 1, Buffer.alloc(8)), MAX)).rejects.toThrow(
    /expected a TIFF of gray, RGB or CMYK in 8 or 16 bits, found .*; save it as RGB of 8 bits/,
  );
});

test('a TIFF of another orientation is turned', async () => {
  const turned = await rawOf(RGB).withMetadata({ orientation: 6 }).tiff({ compression: 'lzw' }).toBuffer();
  const upright = await rawOf(RGB).rotate(90).raw().toBuffer();
  const image = await decodeImage(turned, MAX);
  expect(image.shape).toEqual([3, 14, 11]);
  expect(interleave(image.pixels, image.shape)).toEqual(new Uint8Array(upright));
  expect(await shapeInHeader(turned)).toEqual([3, 14, 11]);
});

/** What a BMP is made of. */
interface Bmp {
  readonly depth: number;
  readonly width: number;
  /** Negative where the first row is the upper one. */
  readonly height: number;
  readonly rows: readonly (readonly number[])[];
  readonly palette?: readonly (readonly number[])[];
  readonly masks?: readonly number[];
  readonly core?: boolean;
}

function bmp({ depth, width, height, rows, palette = [], masks = [], core = false }: Bmp): Buffer {
  const header = Buffer.alloc(14 + (core ? 12 : 40));
  const colors = palette.flatMap(([r, g, b]) => [b!, g!, r!, ...(core ? [] : [0])]);
  header.write('BM', 'latin1');
  header.writeUInt32LE(header.length + colors.length + 4 * masks.length, 10);
  header.writeUInt32LE(header.length - 14, 14);
  if (core) {
    header.writeUInt16LE(width, 18);
    header.writeUInt16LE(height, 20);
  } else {
    header.writeInt32LE(width, 18);
    header.writeInt32LE(height, 22);
    header.writeUInt32LE(masks.length > 0 ? 3 : 0, 30);
    header.writeUInt32LE(palette.length, 46);
  }
  header.writeUInt16LE(depth, core ? 24 : 28);
  const fields = Buffer.alloc(4 * masks.length);
  for (const [i, mask] of masks.entries()) fields.writeUInt32LE(mask, 4 * i);
  const padded = rows.map((row) => [...row, ...Array<number>((4 - (row.length % 4)) % 4).fill(0xee)]);
  return Buffer.concat([header, fields, Buffer.from(colors), Buffer.from(padded.flat())]);
}

const [RED, BLUE, DARK] = [[255, 0, 0] as const, [0, 0, 255] as const, [10, 20, 30] as const];

test.each<[string, Bmp, readonly (readonly number[])[]]>([
  [
    '24 bits from the bottom up',
    {
      depth: 24,
      width: 1,
      height: 2,
      rows: [
        [30, 20, 10],
        [0, 0, 255],
      ],
    },
    [RED, DARK],
  ],
  [
    '24 bits from the top down',
    {
      depth: 24,
      width: 1,
      height: -2,
      rows: [
        [30, 20, 10],
        [0, 0, 255],
      ],
    },
    [DARK, RED],
  ],
  ['24 bits of OS/2', { depth: 24, width: 1, height: 1, core: true, rows: [[30, 20, 10]] }, [DARK]],
  [
    '32 bits, alpha dropped',
    { depth: 32, width: 2, height: 1, rows: [[30, 20, 10, 0, 255, 0, 0, 9]] },
    [DARK, BLUE],
  ],
  [
    '32 bits with masks',
    { depth: 32, width: 1, height: 1, masks: [0xff, 0xff00, 0xff0000], rows: [[10, 20, 30, 0]] },
    [DARK],
  ],
  // 1, 16 and 31 of 31
  ['16 bits', { depth: 16, width: 1, height: 1, rows: [[0b00011111, 0b00000110]] }, [[8, 131, 255]]],
  [
    '16 bits, 6 of them green',
    { depth: 16, width: 1, height: 1, masks: [0xf800, 0x7e0, 0x1f], rows: [[0xe0, 0xff]] },
    [[255, 255, 0]],
  ],
  [
    '8 bits',
    { depth: 8, width: 3, height: 1, palette: [RED, BLUE], rows: [[1, 0, 9]] },
    [BLUE, RED, [0, 0, 0]],
  ],
  [
    '4 bits, odd width',
    {
      depth: 4,
      width: 3,
      height: 2,
      palette: [RED, BLUE, DARK],
      rows: [
        [0x12, 0x00],
        [0x21, 0x10],
      ],
    },
    [DARK, BLUE, BLUE, BLUE, DARK, RED],
  ],
  [
    '1 bit',
    { depth: 1, width: 9, height: 1, palette: [RED, BLUE], rows: [[0b01010000, 0x80]] },
    [RED, BLUE, RED, BLUE, RED, RED, RED, RED, BLUE],
  ],
])('BMP: %s', async (_, parts, colors) => {
  const bytes = bmp(parts);
  const shape = [3, Math.abs(parts.height), parts.width] as const;
  const { pixels, shape: found } = await decodeImage(bytes, MAX);
  expect(found).toEqual(shape);
  expect([...interleave(pixels, shape)]).toEqual(colors.flat());
  expect(await shapeInHeader(bytes)).toEqual(shape);
  // masks and palettes too
  for (let length = 0; length < bytes.length - 3; length++) {
    await expect(decodeImage(bytes.subarray(0, length), MAX)).rejects.toThrow(SampleError);
  }
});

test('a BMP whose palette is gray has one channel', async () => {
  const palette = Array.from({ length: 256 }, (_, i) => [i, i, i]);
  const bytes = bmp({ depth: 8, width: 2, height: 1, palette, rows: [[7, 200]] });
  expect(await decodeImage(bytes, MAX)).toEqual({ shape: [1, 1, 2], pixels: Uint8Array.of(7, 200) });
  expect(await shapeInHeader(bytes)).toEqual([1, 1, 2]);
});

test('a compressed BMP is refused', async () => {
  const bytes = bmp({ depth: 8, width: 2, height: 1, palette: [RED], rows: [[0, 0]] });
  bytes.writeUInt32LE(1, 30);
  await expect(decodeImage(bytes, MAX)).rejects.toThrow(/found compression 1 of 8 bits; convert it to PNG/);
});

test('every kind is refused for its pixels by the header alone, and where it is cut off', async () => {
  const files = {
    WebP: await rawOf(RGB).webp().toBuffer(),
    AVIF: await rawOf(RGB).avif().toBuffer(),
    GIF: await rawOf(RGB).gif().toBuffer(),
    TIFF: await rawOf(RGB).tiff({ compression: 'none' }).toBuffer(),
    BMP: bmp({ depth: 24, width: 14, height: 11, rows: Array(11).fill(Array(42).fill(1)) }),
  };
  for (const [kind, bytes] of Object.entries(files)) {
    await expect(decodeImage(bytes, 153)).rejects.toThrow(
      new RegExp(`at most 153 pixels, found a ${kind} header of 14×11; .*raise dataset.maxPixels`),
    );
    await expect(decodeImage(bytes, 154)).resolves.toMatchObject({ shape: RGB });
    for (const length of [18, 30, bytes.length >> 1, bytes.length - 9]) {
      await expect(decodeImage(bytes.subarray(0, length), MAX), `${kind} ${length}`).rejects.toThrow(
        SampleError,
      );
    }
  }
});

test('in class folders and tars, whatever the case of their endings; other sizes are refused by the header', async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'a'));
  const webp = await rawOf(RGB).webp({ lossless: true }).toBuffer();
  const small = await rawOf([3, 5, 5]).webp().toBuffer();
  writeFileSync(join(root, 'a/0.PNG'), pngOf(1, RGB));
  writeFileSync(join(root, 'a/1.WEBP'), webp);
  writeFileSync(join(root, 'a/2.TIFF'), await rawOf(RGB).tiff({ compression: 'lzw' }).toBuffer());
  writeFileSync(join(root, 'a/3.webp'), small);
  const decoded: number[] = [];
  const decode = (bytes: Uint8Array, maxPixels: number) => {
    decoded.push(bytes.length);
    return decodeImage(bytes, maxPixels);
  };
  const { samples, bad } = await readAll(await openDataset(root, { decoder: { ahead: 4, decode } }));
  expect(samples.map(({ id }) => id)).toEqual(['a/0', 'a/1', 'a/2']);
  for (const { pixels } of samples) expect(pixels).toEqual(pixelsOf(1, RGB));
  expect(bad).toMatchObject([{ id: 'a/3', message: expect.stringMatching(/expected images of .*3,5,5/) }]);
  expect(decoded).not.toContain(small.length);
  const path = join(root, 'x.tar');
  writeFileSync(
    path,
    await tar([
      ['1.WebP', webp],
      ['1.cls', '0'],
    ]),
  );
  expect((await readAll(await openDataset(path, { classes: 1 }))).samples).toMatchObject([
    { id: '1', label: 0 },
  ]);
});
