import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import type { DatasetOptions } from '../../../../src/datasets/dataset.ts';
import { readWebDataset } from '../../../../src/datasets/formats/webdataset/webdataset-reader.ts';
import { openDataset } from '../../../../src/datasets/open.ts';
import { UnreadableError } from '../../../../src/errors.ts';
import { pixelsOf, pngOf, ppmOf, rawPng, readAll, tar, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 8, 6] as const;
let path: string;
beforeEach(() => {
  path = join(temporaryFolder(), 'shard.tar');
});

/** The members of `count` samples, 1536 bytes each in the archive. */
function samplesOf(count: number) {
  return Array.from({ length: count }, (_, i) => [
    [`key${i}.png`, pngOf(i, SHAPE)] as const,
    [`key${i}.cls`, `${i % 4}`] as const,
  ]).flat();
}

async function read(bytes: Buffer, options: DatasetOptions = {}) {
  writeFileSync(path, bytes);
  return readAll(await openDataset(path, { classes: 4, ...options }));
}

const ids = (samples: readonly { readonly id: string }[]) => samples.map((sample) => sample.id);

describe('whole archives', () => {
  test.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzipped', (bytes: Buffer) => gzipSync(bytes)],
  ])('%s', async (_, pack) => {
    const { samples, bad } = await read(pack(await tar(samplesOf(5))));
    expect(bad).toEqual([]);
    samples.forEach((sample, i) => {
      expect(sample).toEqual({ id: `key${i}`, label: i % 4, pixels: pixelsOf(i, SHAPE), shape: SHAPE });
    });
    expect(samples.length).toBe(5);
  });

  test('any order of extensions, folders, other members, hidden files', async () => {
    const bytes = await tar([
      ['a/', ''],
      ['./a/x.y.txt', 'passed over'],
      ['./a/x.cls', ' 2\n'],
      ['./a/x.json', '{}'],
      ['./a/x.PNG', pngOf(1, SHAPE)],
      ['a/._x.png', 'of another system'],
      ['b/x.png', pngOf(2, SHAPE)],
      ['b/x.cls', '3'],
    ]);
    const { samples, bad } = await read(bytes);
    expect(bad).toEqual([]);
    expect(samples.map(({ id, label }) => [id, label])).toEqual([
      ['a/x', 2],
      ['b/x', 3],
    ]);
  });

  test('PPM beside PNG, with an image that is not what its name says', async () => {
    const bytes = await tar([
      ['a.ppm', ppmOf(1, SHAPE)],
      ['a.cls', '1'],
      ['b.png', ppmOf(2, SHAPE)],
      ['b.cls', '2'],
      ['c.ppm', ppmOf(3, SHAPE).subarray(0, -1)],
      ['c.cls', '3'],
    ]);
    const { samples, bad } = await read(bytes);
    expect(samples).toEqual(
      ['a', 'b'].map((id, i) => ({ id, label: i + 1, pixels: pixelsOf(i + 1, SHAPE), shape: SHAPE })),
    );
    expect(bad).toMatchObject([{ id: 'c', source: `${path}!c.ppm`, offset: 2 * 2048 }]);
  });

  test('names longer than a tar header holds', async () => {
    const long = 'ü'.repeat(150);
    const { samples } = await read(await tar([[`${long}.png`, pngOf(0, SHAPE)], [`${long}.cls`, '1']])); // biome-ignore format: short
    expect(ids(samples)).toEqual([long]);
  });

  test('a folder of shards, in order', async () => {
    const folder = temporaryFolder();
    for (const [i, name] of ['b-1.tgz', 'b-0.tar'].entries()) {
      const bytes = await tar(samplesOf(i + 1));
      writeFileSync(join(folder, name), name.endsWith('tgz') ? gzipSync(bytes) : bytes);
    }
    const { samples } = await readAll(await openDataset(folder, { classes: 4 }));
    expect(ids(samples)).toEqual(['b-0/key0', 'b-0/key1', 'b-1/key0']);
  });

  test('a range is passed over without decoding', async () => {
    const members = samplesOf(6).map(
      ([name, bytes]) => [name, name === 'key1.png' ? 'junk' : bytes] as const,
    );
    const { samples, bad } = await read(await tar(members), { skip: 2, limit: 3 });
    expect(ids(samples)).toEqual(['key2', 'key3', 'key4']);
    expect(bad).toEqual([]);
  });

  test('stops reading when the consumer does', async () => {
    writeFileSync(path, await tar(samplesOf(300)));
    const dataset = await openDataset(path, { classes: 4 });
    for await (const result of dataset.read()) {
      expect(result.ok).toBe(true);
      break;
    }
    expect((await readAll(dataset)).samples.length).toBe(300);
  });
});

describe('bad samples are set aside, the others are read', () => {
  test.each([
    [
      'no label',
      [['bad.png', pngOf(1, SHAPE)]],
      /expected bad.png \(or .jpg, .ppm, .pgm\) and bad.cls or .json side by side, found only .png/,
    ],
    ['no image', [['bad.cls', '1']], /found only .cls; repack/],
    [
      'JPEG XL only',
      [
        ['bad.jxl', 'x'],
        ['bad.cls', '1'],
      ],
      /found only .jxl and .cls/,
    ],
    [
      'label in words',
      [
        ['bad.png', pngOf(1, SHAPE)],
        ['bad.cls', 'cat'],
      ],
      /expected a class index in bad.cls, found "cat"/,
    ],
    [
      'endless label',
      [
        ['bad.png', pngOf(1, SHAPE)],
        ['bad.cls', '1'.repeat(65)],
      ],
      /found "65 bytes"/,
    ],
    [
      'label out of range',
      [
        ['bad.png', pngOf(1, SHAPE)],
        ['bad.cls', '4'],
      ],
      /expected a label from 0 to 3, found 4 at sample bad/,
    ],
    [
      'truncated PNG',
      [
        ['bad.png', pngOf(1, SHAPE).subarray(0, 60)],
        ['bad.cls', '1'],
      ],
      /found its end at byte 60/,
    ],
    [
      'junk',
      [
        ['bad.png', 'not an image'],
        ['bad.cls', '1'],
      ],
      /expected a PNG, JPEG, PPM, BMP, WebP, AVIF, GIF or TIFF image, found bytes 6e6f742061/,
    ],
    [
      'another size',
      [
        ['bad.png', pngOf(1, [3, 6, 8])],
        ['bad.cls', '1'],
      ],
      /expected images of \[3,8,6\], found \[3,6,8\] at sample bad; set dataset.channels or dataset\.resize/,
    ],
    [
      'huge header',
      [
        ['bad.png', rawPng({ width: 30_000, height: 30_000, depth: 8, type: 2 }, Buffer.alloc(1))],
        ['bad.cls', '1'],
      ],
      /header of 30000×30000/,
    ],
  ] as const)('%s', async (_, members, message) => {
    const bytes = await tar([...samplesOf(2), ...members, ...samplesOf(4).slice(4)]);
    const { samples, bad } = await read(bytes);
    expect(ids(samples)).toEqual(['key0', 'key1', 'key2', 'key3']);
    expect(bad.length).toBe(1);
    expect(bad[0]).toMatchObject({ code: 'sample', id: 'bad', offset: 2 * 2048 });
    expect(bad[0]!.source).toMatch(/shard\.tar!bad(\.png)?$/);
    expect(bad[0]!.message).toMatch(message);
  });

  test('a name that occurs again', async () => {
    const { samples, bad } = await read(await tar([...samplesOf(1), ...samplesOf(2)]));
    expect(ids(samples)).toEqual(['key0', 'key1']);
    expect(bad[0]).toMatchObject({ id: 'key0', offset: 2048 });
    expect(bad[0]!.message).toMatch(/expected every sample to have its own name, found key0 again; rename/);
  });

  test('an image beyond the limit is not even read into memory', async () => {
    const large = Buffer.concat([pngOf(1, SHAPE), Buffer.alloc(3 * 2 ** 20)]);
    const bytes = await tar([...samplesOf(2), ['bad.png', large], ['bad.cls', '1']]);
    const { bad } = await read(bytes, { maxPixels: 1000 });
    expect(bad[0]!.message).toBe(
      `expected an image of at most 1000 pixels, found ${large.length} bytes; raise dataset.maxPixels`,
    );
  });
});

describe('gray and color', () => {
  test('gray joins color', async () => {
    const gray = pngOf(1, [1, 8, 6]);
    const members = [...samplesOf(1), ['gray.png', gray], ['gray.cls', '1']] as const;
    const plane = [...pixelsOf(1, [1, 8, 6])];
    for (const options of [{}, { channels: 3 } as const]) {
      const { samples } = await read(await tar(members), options);
      expect([...samples[1]!.pixels]).toEqual([...plane, ...plane, ...plane]);
    }
  });

  test('color stays color: it is refused where gray is asked for, gray stored as color is not', async () => {
    const plane = pixelsOf(1, [1, 8, 6]);
    const stored = rawPng(
      { width: 6, height: 8, depth: 8, type: 2 },
      Buffer.concat(
        Array.from({ length: 8 }, (_, y) =>
          Buffer.from([0, ...[...plane.subarray(y * 6, y * 6 + 6)].flatMap((v) => [v, v, v])]),
        ),
      ),
    );
    const { samples, bad } = await read(await tar([['g.png', stored], ['g.cls', '0'], ...samplesOf(1)]), { channels: 1 }); // biome-ignore format: short
    expect(samples).toEqual([{ id: 'g', label: 0, pixels: plane, shape: [1, 8, 6] }]);
    expect(ids(bad as never)).toEqual(['key0']);
  });
});

describe('damaged archives', () => {
  test('cut anywhere: the samples before are read, the rest is reported', async () => {
    const whole = await tar(samplesOf(4));
    for (const length of [
      whole.length - 512,
      7 * 1024 + 512,
      7 * 1024 + 300,
      6 * 1024,
      5 * 1024 + 700,
      4200,
      2600,
    ]) {
      const { samples, bad } = await read(whole.subarray(0, length));
      expect(samples.length, `cut at ${length}`).toBe(Math.min(4, Math.floor((length + 511) / 2048)));
      expect(bad.length, `cut at ${length}`).toBeGreaterThan(0);
      expect(bad.at(-1)!.message).toMatch(
        /expected a whole tar archive, found: .*; what follows is lost, fetch it/,
      );
    }
  });

  test('cut gzip', async () => {
    const whole = gzipSync(await tar(samplesOf(200)));
    const { samples, bad } = await read(whole.subarray(0, whole.length / 2));
    expect(samples.length).toBeGreaterThan(80);
    expect(samples.length).toBeLessThan(120);
    expect(bad.at(-1)!.message).toMatch(/expected whole compressed data, found: unexpected end of file/);
  });

  test('a damaged header in the middle', async () => {
    const bytes = await tar(samplesOf(4));
    bytes.fill(0x55, 2 * 2048, 2 * 2048 + 200);
    const { samples, bad } = await read(bytes);
    expect(ids(samples)).toEqual(['key0', 'key1']);
    expect(bad.map((entry) => [entry.source, entry.offset])).toEqual([[path, 2 * 2048]]);
    expect(bad[0]!.message).toMatch(/Invalid tar header/);
  });
});

describe('refuses', () => {
  test('an archive without samples, an empty file, junk', async () => {
    await expect(read(await tar([]))).rejects.toThrow(/found an empty dataset/);
    await expect(read(Buffer.alloc(0))).rejects.toThrow(/found 1 bad ones/);
    await expect(read(Buffer.from('junk'.repeat(999)))).rejects.toThrow(
      /found 1 bad ones .*Invalid tar header/,
    );
    await expect(read(await tar([['a.txt', 'x']]))).rejects.toThrow(/found only .txt/);
  });

  test('to guess the number of classes', async () => {
    writeFileSync(path, await tar(samplesOf(1)));
    await expect(openDataset(path)).rejects.toThrow(/expected the number of classes.*set dataset.classes/);
  });
});

test('a disk that fails in the middle of an archive is no damage of it', async () => {
  const whole = await tar([
    ['a.png', pngOf(0, SHAPE)],
    ['a.cls', '0'],
    ['b.png', pngOf(1, SHAPE)],
  ]);
  async function* failing() {
    yield whole.subarray(0, 2048);
    throw new UnreadableError('EIO');
  }
  const read = async () => {
    for await (const _ of readWebDataset({ name: 'a.tar', bytes: failing() }, 1000));
  };
  await expect(read()).rejects.toThrow(UnreadableError);
});
