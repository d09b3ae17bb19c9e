import { decode } from 'fast-png';
import { expect, test } from 'vitest';
import { decodePng, decodePngs, encodePng } from '../../../src/datasets/images/png.ts';
import { passesOf, pngHeader } from '../../../src/datasets/images/png-chunks.ts';
import { decodeLargePng } from '../../../src/datasets/images/png-large.ts';
import { SampleError } from '../../../src/errors.ts';
import { pixelsOf, pngChunk, pngOf, rawPng } from '../make.ts';

const MAX = 2 ** 20;

test.each([[[1, 5, 7]], [[3, 4, 6]], [[3, 1, 1]]] as const)(
  'decodes and encodes %j without loss',
  (shape) => {
    const pixels = pixelsOf(3, shape);
    expect(decodePng(pngOf(3, shape), MAX)).toEqual({ pixels, shape });
    const encoded = encodePng({ pixels, shape });
    expect(decodePng(encoded, MAX)).toEqual({ pixels, shape });
    expect(decode(encoded)).toMatchObject({
      channels: shape[0],
      height: shape[1],
      width: shape[2],
      depth: 8,
    });
    expect(encodePng({ pixels, shape })).toEqual(encoded);
  },
);

test('scales gray of 1, 2 and 4 bits to the whole range', () => {
  // five pixels a row, so that rows end inside a byte
  const one = rawPng({ width: 5, height: 2, depth: 1, type: 0 }, Uint8Array.of(0, 0b10110000, 0, 0b01001000));
  expect([...decodePng(one, MAX).pixels]).toEqual([255, 0, 255, 255, 0, 0, 255, 0, 0, 255]);
  const two = rawPng({ width: 5, height: 1, depth: 2, type: 0 }, Uint8Array.of(0, 0b00011011, 0b11000000));
  expect([...decodePng(two, MAX).pixels]).toEqual([0, 85, 170, 255, 255]);
  const four = rawPng({ width: 3, height: 1, depth: 4, type: 0 }, Uint8Array.of(0, 0x0f, 0x80));
  expect([...decodePng(four, MAX).pixels]).toEqual([0, 255, 136]);
});

test('rounds 16 bits to 8', () => {
  const data = Uint8Array.of(0, 0, 0, 0, 128, 0, 129, 255, 255);
  const png = rawPng({ width: 4, height: 1, depth: 16, type: 0 }, data);
  expect([...decodePng(png, MAX).pixels]).toEqual([0, 0, 1, 255]); // 0, 128, 129 and 65535 over 257
});

test('a palette becomes RGB, whatever its depth', () => {
  const palette = ['PLTE', Uint8Array.of(255, 0, 0, 0, 255, 0, 1, 2, 3)] as const;
  const png = rawPng({ width: 3, height: 1, depth: 2, type: 3 }, Uint8Array.of(0, 0b00011000), [palette]);
  expect(decodePng(png, MAX)).toEqual({
    shape: [3, 1, 3],
    pixels: Uint8Array.of(255, 0, 1, 0, 255, 2, 0, 0, 3),
  });
});

test('a palette beside RGB pixels is only a hint; an indexed image without one is refused', () => {
  const palette = ['PLTE', Uint8Array.of(255, 0, 0)] as const;
  const rgb = rawPng({ width: 1, height: 1, depth: 8, type: 2 }, Uint8Array.of(0, 1, 2, 3), [palette]);
  expect(decodePng(rgb, MAX)).toEqual({ shape: [3, 1, 1], pixels: Uint8Array.of(1, 2, 3) });
  const indexed = rawPng({ width: 1, height: 1, depth: 8, type: 3 }, Uint8Array.of(0, 0));
  expect(() => decodePng(indexed, MAX)).toThrow(/expected a palette/);
});

test('drops alpha, whatever it says', () => {
  const header = { width: 2, height: 1, depth: 8, type: 6 };
  const clear = rawPng(header, Uint8Array.of(0, 1, 2, 3, 255, 4, 5, 6, 0));
  expect(decodePng(clear, MAX)).toEqual({ shape: [3, 1, 2], pixels: Uint8Array.of(1, 4, 2, 5, 3, 6) });
  const gray = rawPng({ width: 2, height: 1, depth: 8, type: 4 }, Uint8Array.of(0, 9, 255, 8, 7));
  expect(decodePng(gray, MAX)).toEqual({ shape: [1, 1, 2], pixels: Uint8Array.of(9, 8) });
});

test('a color that is named as transparent stays that color', () => {
  const gray = rawPng({ width: 2, height: 1, depth: 8, type: 0 }, Uint8Array.of(0, 6, 7), [
    ['tRNS', Uint8Array.of(0, 7)],
  ]);
  expect([...decodePng(gray, MAX).pixels]).toEqual([6, 7]);
  const indexed = rawPng({ width: 2, height: 1, depth: 8, type: 3 }, Uint8Array.of(0, 1, 0), [
    ['PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6)],
    ['tRNS', Uint8Array.of(0, 9)],
  ]);
  expect(decodePng(indexed, MAX)).toEqual({ shape: [3, 1, 2], pixels: Uint8Array.of(4, 1, 5, 2, 6, 3) });
});

test('what is beyond the end of a palette is black', async () => {
  const png = rawPng({ width: 3, height: 1, depth: 8, type: 3 }, Uint8Array.of(0, 0, 1, 255), [
    ['PLTE', Uint8Array.of(7, 8, 9)],
  ]);
  expect([...decodePng(png, MAX).pixels]).toEqual([7, 0, 0, 8, 0, 0, 9, 0, 0]);
  expect(decodePng(png, MAX)).toEqual(await decodeLargePng(png, pngHeader(png, MAX)));
});

test('interlaced 8-bit images are read', () => {
  // one pixel in pass 1, one in pass 6
  const png = rawPng({ width: 2, height: 1, depth: 8, type: 0, interlace: 1 }, Uint8Array.of(0, 10, 0, 20));
  expect([...decodePng(png, MAX).pixels]).toEqual([10, 20]);
});

test.each([
  [1, 0],
  [2, 0],
  [4, 0],
  [1, 3],
  [2, 3],
  [4, 3],
])(
  'interlaced images of %i bits and color type %i are as another decoder reads them',
  async (depth, type) => {
    const palette = ['PLTE', pixelsOf(5, [3, 1, 2 ** depth])] as const;
    for (const [width, height] of [
      [1, 1],
      [5, 3],
      [8, 8],
      [17, 13],
    ] as const) {
      const kind = { width, height, depth, type, interlaced: true };
      // unfiltered rows
      const rows = passesOf(kind).flatMap((pass, n) =>
        Array.from({ length: pass.bytes && pass.rows }, (_, y) => [
          0,
          ...pixelsOf(n + y, [1, 1, pass.bytes / pass.rows - 1]),
        ]),
      );
      const png = rawPng(
        { ...kind, interlace: 1 },
        Uint8Array.from(rows.flat()),
        type === 3 ? [palette] : [],
      );
      expect(decodePng(png, MAX)).toEqual(await decodeLargePng(png, pngHeader(png, MAX)));
    }
  },
);

test('refuses 30,000 × 30,000 pixels from the header, in no time and no memory', () => {
  const png = rawPng({ width: 30_000, height: 30_000, depth: 8, type: 2 }, Uint8Array.of(0));
  const before = process.memoryUsage().rss;
  const start = performance.now();
  expect(() => decodePng(png, 2 ** 24)).toThrow(
    'expected at least 1 and at most 16777216 pixels, found a PNG header of 30000×30000; ' +
      'resize the image or raise dataset.maxPixels',
  );
  expect(performance.now() - start).toBeLessThan(500);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
});

test('refuses more image data than the header promises: a decompression bomb', () => {
  const bomb = rawPng({ width: 4, height: 4, depth: 8, type: 0 }, new Uint8Array(50_000_000));
  expect(bomb.length).toBeLessThan(60_000);
  expect(() => decodePng(bomb, MAX)).toThrow(/expected 20 bytes of PNG image data, found more/);
});

test('ignores chunks that it does not need, damaged ones too', () => {
  const png = pngOf(1, [1, 4, 4]);
  const profile = pngChunk('iCCP', Buffer.from('x\0\0not deflated'));
  const with33 = Buffer.concat([png.subarray(0, 33), profile, png.subarray(33)]);
  expect(decodePng(with33, MAX).pixels).toEqual(pixelsOf(1, [1, 4, 4]));
});

test('every truncation and every changed byte of the image data is noticed', () => {
  const png = pngOf(1, [3, 6, 6]);
  for (let length = 0; length < png.length; length++) {
    expect(() => decodePng(png.subarray(0, length), MAX)).toThrow(SampleError);
  }
  for (let at = 8; at < png.length; at++) {
    const changed = Buffer.from(png);
    changed[at]! ^= 0x10;
    try {
      expect(decodePng(changed, MAX).pixels).toEqual(pixelsOf(1, [3, 6, 6]));
    } catch (error) {
      expect(error).toBeInstanceOf(SampleError);
    }
  }
});

test.each([
  ['nothing', Buffer.alloc(0), /expected a PNG image, found bytes \(none\); convert/],
  ['JPEG', Buffer.from('ffd8ffe000104a464946', 'hex'), /found bytes ffd8ffe000104a46/],
  ['text', Buffer.from('hello, world'), /found bytes 68656c6c6f2c2077/],
  [
    'image data too short',
    rawPng({ width: 4, height: 4, depth: 8, type: 0 }, new Uint8Array(18)),
    /found 18/,
  ],
  ['no pixels', rawPng({ width: 0, height: 4, depth: 8, type: 0 }, new Uint8Array(4)), /header of 0×4/],
  ['unknown color', rawPng({ width: 1, height: 1, depth: 8, type: 5 }, new Uint8Array(2)), /color type 5/],
  [
    'unknown filter',
    rawPng({ width: 1, height: 1, depth: 8, type: 0 }, Uint8Array.of(9, 0)),
    /Unsupported filter: 9/,
  ],
])('refuses %s', (_, bytes, message) => {
  expect(() => decodePng(bytes, MAX)).toThrow(SampleError);
  expect(() => decodePng(bytes, MAX)).toThrow(message);
});

test.each([
  ['gray', 0, 1],
  ['RGB', 2, 3],
])('%s: rows with every filter come out as fast-png decodes them', (_, type, channels) => {
  const [width, height] = [7, 11];
  const data = Uint8Array.from(
    { length: height * (1 + width * channels) },
    (_, i) => Math.imul(i + 5, 2654435761) >>> 24,
  );
  // the first row has each filter once: nothing stands above it
  for (let first = 0; first <= 4; first++) {
    for (let y = 0; y < height; y++) data[y * (1 + width * channels)] = (first + y) % 5;
    const file = rawPng({ width, height, depth: 8, type }, data);
    const { pixels, shape } = decodePng(file, 100);
    expect(shape).toEqual([channels, height, width]);
    const interleaved = pixels.map(
      (_, i) => pixels[(i % channels) * width * height + Math.floor(i / channels)]!,
    );
    expect(interleaved).toEqual(decode(file).data);
  }
  data[0] = 5;
  expect(() => decodePng(rawPng({ width, height, depth: 8, type }, data), 100)).toThrow(
    /Unsupported filter: 5/,
  );
});

test('refuses ways of compressing, filtering and interlacing that do not exist', () => {
  for (const at of [10, 11, 12]) {
    const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    header[at] = 7;
    const file = rawPng({ width: 1, height: 1, depth: 8, type: 0 }, Buffer.alloc(2));
    const damaged = Buffer.concat([file.subarray(0, 8), pngChunk('IHDR', header), file.subarray(33)]);
    expect(() => decodePng(damaged, 100)).toThrow(/expected a PNG that decodes/);
  }
});

/** Rows with every filter, of noise. */
function noisyPng(header: { width: number; height: number; type: number }, salt: number): Buffer {
  const { width, height, type } = header;
  const row = 1 + width * (type === 0 ? 1 : 3);
  const data = Uint8Array.from({ length: height * row }, (_, i) => Math.imul(i + salt, 2654435761) >>> 24);
  for (let y = 0; y < height; y++) data[y * row] = (salt + y) % 5;
  return rawPng({ ...header, depth: 8 }, data);
}

/** As an image or an error comes out of one, for comparison. */
function oneByOne(files: readonly Buffer[]) {
  return files.map((bytes) => {
    try {
      return decodePng(bytes, MAX);
    } catch (error) {
      return error;
    }
  });
}

const together = (files: readonly Buffer[]) => decodePngs(files.map((bytes) => ({ bytes, maxPixels: MAX })));

test.each([['gray', 0] as const, ['RGB', 2] as const])(
  'many %s images of one width and any height come out together as each does alone, bad ones among them too',
  (_, type) => {
    const files = Array.from({ length: 40 }, (_, n) => noisyPng({ width: 9, height: 1 + (n % 7), type }, n));
    expect(together(files)).toEqual(oneByOne(files));
    files.splice(3, 0, Buffer.from('GIF89a'), files[0]!.subarray(0, 50));
    expect(together(files)).toEqual(oneByOne(files));
    // which is found when rows are looked at only
    files.push(rawPng({ width: 9, height: 1, depth: 8, type }, Buffer.alloc(1 + 9 * (type + 1), 5)));
    expect(together(files).at(-1)).toBeInstanceOf(SampleError);
    expect(together(files)).toEqual(oneByOne(files));
  },
);

test('images of several kinds come out together as each does alone', () => {
  const plain = noisyPng({ width: 4, height: 4, type: 2 }, 1);
  const key = ['tRNS', Uint8Array.of(0, 7)] as const;
  const header = Buffer.from([0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 3, 0]);
  const others = [
    noisyPng({ width: 5, height: 4, type: 2 }, 2),
    noisyPng({ width: 4, height: 4, type: 0 }, 3),
    rawPng({ width: 4, height: 1, depth: 16, type: 0 }, new Uint8Array(9)),
    rawPng({ width: 4, height: 1, depth: 8, type: 0, interlace: 1 }, new Uint8Array(7)),
    rawPng({ width: 4, height: 1, depth: 8, type: 0 }, Uint8Array.of(0, 7, 7, 7, 7), [key]),
    Buffer.concat([plain.subarray(0, 8), pngChunk('IHDR', header), plain.subarray(33)]),
  ];
  for (const other of others) {
    for (const files of [
      [plain, other],
      [other, plain],
      [other, other],
    ]) {
      expect(together(files)).toEqual(oneByOne(files));
    }
  }
  expect(together([])).toEqual([]);
});
