import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { expect, test } from 'vitest';
import { decodeImage } from '../../../src/datasets/images/image.ts';
import { shapeInHeader } from '../../../src/datasets/images/image-header.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import type { ImageShape } from '../../../src/datasets/sample.ts';
import { interleave } from '../../../src/datasets/sample.ts';
import { SampleError } from '../../../src/errors.ts';
import { pixelsOf, pngOf, readAll, tar, temporaryFolder } from '../make.ts';

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

/** What a GIF is made of. */
interface Gif {
  /** Width and height. */
  readonly screen: readonly [number, number];
  /** Left, top, width and height. */
  readonly frame: readonly [number, number, number, number];
  readonly palette: readonly (readonly number[])[];
  /** Below 4, in the order in which rows are stored. */
  readonly indices: readonly number[];
  readonly transparent?: number;
  readonly interlaced?: boolean;
  /** Whether the palette is the frame's own. */
  readonly own?: boolean;
  /** Whether codes begin with one that clears and end with one that ends, as most do. */
  readonly framed?: boolean;
}

/** With codes of three bits, which never grow, because none is kept for long. */
function gif({ screen, frame, palette, indices, transparent, interlaced, own, framed = true }: Gif): Buffer {
  const colors = Array.from({ length: 4 }, (_, i) => palette[i] ?? [9, 9, 9]).flat();
  const words = (values: readonly number[]) => values.flatMap((value) => [value & 255, value >> 8]);
  const [clear, end] = [4, 5];
  const codes = indices.flatMap((index, i) => (i % 2 === 0 && (framed || i > 0) ? [clear, index] : [index]));
  if (framed) codes.push(end);
  const bits = codes.flatMap((code) => [code & 1, (code >> 1) & 1, code >> 2]);
  const data = Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
    bits.slice(8 * i, 8 * i + 8).reduce((sum, bit, n) => sum + (bit << n), 0),
  );
  return Buffer.from([
    ...Buffer.from('GIF89a'),
    ...words(screen),
    ...[own ? 0 : 0x81, 0, 0, ...(own ? [] : colors)],
    // a comment in two blocks, and what is transparent
    ...[0x21, 0xfe, 1, 65, 2, 66, 67, 0],
    ...(transparent === undefined ? [] : [0x21, 0xf9, 4, 1, 0, 0, transparent, 0]),
    ...[0x2c, ...words(frame), (own ? 0x81 : 0) | (interlaced ? 0x40 : 0), ...(own ? colors : [])],
    // blocks of at most three bytes
    ...[2, ...data.flatMap((byte, i) => (i % 3 === 0 ? [Math.min(3, data.length - i), byte] : [byte])), 0],
    0x3b,
  ]);
}

const GIF_COLORS = [
  [10, 20, 30],
  [255, 0, 0],
  [0, 0, 255],
];

test.each<[string, Omit<Gif, 'palette'>, readonly number[]]>([
  [
    'transparent pixels have their color',
    { screen: [3, 1], frame: [0, 0, 3, 1], indices: [1, 2, 0], transparent: 1 },
    [1, 2, 0],
  ],
  ['a palette of its own', { screen: [2, 1], frame: [0, 0, 2, 1], indices: [2, 1], own: true }, [2, 1]],
  ['no codes that clear and end', { screen: [1, 1], frame: [0, 0, 1, 1], indices: [1], framed: false }, [1]],
  [
    'rows that take turns',
    { screen: [1, 5], frame: [0, 0, 1, 5], indices: [1, 2, 0, 1, 2], interlaced: true },
    [1, 1, 0, 2, 2],
  ],
  ['a frame within its screen', { screen: [3, 2], frame: [1, 1, 1, 1], indices: [2] }, [0, 0, 0, 0, 2, 0]],
  [
    'a frame within a screen that is transparent',
    { screen: [2, 1], frame: [1, 0, 1, 1], indices: [2], transparent: 1 },
    [1, 2],
  ],
  ['a frame larger than its screen', { screen: [1, 1], frame: [0, 0, 2, 1], indices: [2, 1] }, [2, 1]],
])('GIF: %s', async (_, parts, indices) => {
  const bytes = gif({ ...parts, palette: GIF_COLORS });
  const { pixels, shape } = await decodeImage(bytes, MAX);
  expect([...interleave(pixels, shape)]).toEqual(indices.flatMap((index) => GIF_COLORS[index]!));
  expect(await shapeInHeader(bytes)).toEqual(shape);
  // what marks ends may be missing
  for (let length = 0; length < bytes.length - 4; length++) {
    await expect(decodeImage(bytes.subarray(0, length), MAX)).rejects.toThrow(SampleError);
  }
});

test('a GIF of many colors, whose codes grow, clear and take themselves in', async () => {
  const [width, height] = [130, 97];
  // noise, then rows of one color
  const pixels = Buffer.from(
    Array.from({ length: width * height }, (_, i) =>
      i < 6000 ? (Math.imul(i, 2654435761) >>> 24) & 0xf0 : 0x40,
    ),
  );
  const raw = { width, height, channels: 1 } as const;
  for (const interlaced of [false, true]) {
    const bytes = await sharp(pixels, { raw }).gif({ dither: 0, progressive: interlaced }).toBuffer();
    const image = await decodeImage(bytes, width * height);
    const second = await sharp(bytes).removeAlpha().toColourspace('srgb').raw().toBuffer();
    expect(gray(image)).toEqual([...second].filter((_, i) => i % 3 === 0));
  }
});

/** One value a pixel of an image that is gray, whatever its channels. */
function gray({ pixels, shape: [, height, width] }: { pixels: Uint8Array; shape: ImageShape }): number[] {
  return [...pixels.subarray(0, height * width)];
}

test('a GIF whose palette is gray has one channel; what its codes do not tell is refused', async () => {
  const palette = [0, 80, 160, 240].map((value) => [value, value, value]);
  const parts: Gif = { screen: [2, 1], frame: [0, 0, 2, 1], indices: [1, 3], palette };
  const bytes = gif(parts);
  expect(await decodeImage(bytes, MAX)).toEqual({ shape: [1, 1, 2], pixels: Uint8Array.of(80, 240) });
  expect(await shapeInHeader(bytes)).toEqual([1, 1, 2]);
  await expect(decodeImage(gif({ ...parts, frame: [0, 0, 2, 9] }), MAX)).rejects.toThrow(
    /expected a GIF with a whole frame, found 2 of 18 pixels/,
  );
  await expect(decodeImage(gif({ ...parts, frame: [0, 0, 2, 0] }), MAX)).rejects.toThrow(
    /expected a GIF with a whole frame, found one of 2×0/,
  );
  // no code could stand for so many
  await expect(decodeImage(gif({ ...parts, frame: [0, 0, 65_535, 2048] }), 2 ** 27)).rejects.toThrow(
    /found 0 of/,
  );
});

test.each([
  // PageNumber, of which there should be two; Software, whose text has no end; NewSubfileType, which belongs before the others
  ['one number of two', 297, 3],
  ['text without an end', 305, 2],
  ['tags that are not sorted', 254, 4],
])('TIFF of %s', async (_, number, type) => {
  const bytes = tiff(8, 1, 1, Buffer.from([1, 2, 3, 4]));
  const directory = bytes.readUInt32LE(4);
  const count = bytes.readUInt16LE(directory);
  const tag = Buffer.alloc(12, 1);
  tag.writeUInt16LE(number, 0);
  tag.writeUInt16LE(type, 2);
  tag.writeUInt32LE(type === 2 ? 4 : 1, 4);
  if (number === 254) tag.writeUInt32LE(0, 8);
  bytes.writeUInt16LE(count + 1, directory);
  const end = directory + 2 + 12 * count;
  const extended = Buffer.concat([bytes.subarray(0, end), tag, Buffer.alloc(4)]);
  await expect(sharp(extended, { failOn: 'warning' }).raw().toBuffer()).rejects.toThrow(/Warning/);
  expect((await decodeImage(extended, MAX)).pixels).toEqual(Uint8Array.of(1, 2, 3, 4));
});

test('what a TIFF is refused for is told, and not where', async () => {
  const bytes = tiff(8, 1, 1, Buffer.from([1, 2, 3, 4]));
  // compression 34925, which is LZMA
  bytes.writeUInt16LE(34_925, bytes.readUInt32LE(4) + 2 + 12 * 3 + 8);
  await expect(decodeImage(bytes, MAX)).rejects.toThrow(
    /expected a TIFF that decodes, found: .*LZMA.*; fetch it again or convert it to PNG/,
  );
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

test.each([
  // two of color 1; a row of colors 2, 1, 0 as they are, filled up to a word; a jump by one and one; color 2; the end
  ['8 bits', 8, 1, [2, 1, 0, 0, 0, 3, 2, 1, 0, 0, 0, 0, 0, 2, 1, 1, 1, 2, 0, 1]],
  // values of four bits take turns
  ['4 bits', 4, 2, [2, 0x11, 0, 0, 0, 3, 0x21, 0x00, 0, 0, 0, 2, 1, 1, 1, 0x20, 0, 1]],
])(
  'a BMP of run lengths of %s; what is left out has the first color',
  async (_, depth, compression, data) => {
    const palette = [RED, BLUE, DARK];
    const bytes = bmp({ depth, width: 4, height: 4, palette, rows: [] });
    bytes.writeUInt32LE(compression, 30);
    const whole = Buffer.concat([bytes, Buffer.from(data)]);
    const { pixels, shape } = await decodeImage(whole, MAX);
    const rows = [
      [RED, DARK, RED, RED],
      [RED, RED, RED, RED],
      [DARK, BLUE, RED, RED],
      [BLUE, BLUE, RED, RED],
    ];
    expect(shape).toEqual([3, 4, 4]);
    expect([...interleave(pixels, shape)]).toEqual(rows.flat(2));
    for (let length = bytes.length; length < whole.length; length++) {
      await expect(decodeImage(whole.subarray(0, length), MAX)).rejects.toThrow(SampleError);
    }
  },
);

test('a BMP of another compression is refused, and one whose run lengths are too few for its pixels', async () => {
  const bytes = bmp({ depth: 8, width: 2, height: 1, palette: [RED], rows: [[0, 0]] });
  bytes.writeUInt32LE(4, 30);
  await expect(decodeImage(bytes, MAX)).rejects.toThrow(/found compression 4 of 8 bits; convert it to PNG/);
  const bomb = bmp({ depth: 8, width: 10_000, height: 10_000, palette: [RED], rows: [[0, 1]] });
  bomb.writeUInt32LE(1, 30);
  await expect(decodeImage(bomb, 1e8)).rejects.toThrow(/expected a whole BMP/);
});

test('pixels of a BMP come after its palette, also where the header says otherwise', async () => {
  const bytes = bmp({ depth: 8, width: 2, height: 1, palette: [RED, BLUE], rows: [[1, 0]] });
  bytes.writeUInt32LE(54, 10);
  const { pixels, shape } = await decodeImage(bytes, MAX);
  expect([...interleave(pixels, shape)]).toEqual([...BLUE, ...RED]);
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
