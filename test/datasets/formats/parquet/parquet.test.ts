import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type CompressionCodec, parquetReadObjects } from 'hyparquet';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDataset } from '../../../../src/datasets/open.ts';
import { withoutImage } from '../../../../src/datasets/origin.ts';
import { openWriter } from '../../../../src/datasets/writer.ts';
import { DatasetError } from '../../../../src/errors.ts';
import { jpegOf, pixelsOf, pngOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 8, 6] as const;
const NAMES = ['cat', 'dog', 'yak'];

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

type Schema = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>;

/** By Node, or as the descriptions of the formats say what is not compressed. */
const COMPRESSORS = {
  GZIP: (input: Uint8Array) => gzipSync(input),
  BROTLI: (input: Uint8Array) => brotliCompressSync(input),
  ZSTD: (input: Uint8Array) => {
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 0, 0, 0]);
    header.writeUIntLE((input.length << 3) | 1, 6, 3);
    return Buffer.concat([header, input]);
  },
  LZ4_RAW: (input: Uint8Array) => {
    const length = input.length - 15;
    if (length < 0) return Buffer.from([input.length << 4, ...input]);
    const more = new Uint8Array(Math.floor(length / 255)).fill(255);
    return Buffer.concat([Uint8Array.of(0xf0), more, Uint8Array.of(length % 255), input]);
  },
};

/** A file as the datasets library writes it, by the library alone. */
function parquet(
  images: readonly { bytes?: Uint8Array | null; path?: string | null }[],
  labels: readonly (bigint | null)[],
  {
    column = 'label',
    names = NAMES,
    group = 2,
    more = [] as ColumnSource[],
    codec = 'SNAPPY' as CompressionCodec,
  } = {},
): Buffer {
  const schema: Schema = [
    { name: 'schema', num_children: 2 + more.length },
    { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
    { name: column, type: 'INT64', repetition_type: 'OPTIONAL' },
    ...more.map(({ name }) => ({ name, type: 'DOUBLE', repetition_type: 'OPTIONAL' }) as const),
  ];
  const label = { names, _type: 'ClassLabel' };
  const features = { info: { features: { image: { _type: 'Image' }, [column]: label } } };
  const bytes = parquetWriteBuffer({
    schema,
    columnData: [{ name: 'image', data: [...images] }, { name: column, data: [...labels] }, ...more],
    rowGroupSize: group,
    codec,
    compressors: COMPRESSORS,
    kvMetadata: [{ key: 'huggingface', value: JSON.stringify(features) }],
  });
  return Buffer.from(bytes);
}

function rows(count: number) {
  return Array.from({ length: count }, (_, i) => ({ bytes: pngOf(i, SHAPE), path: `p/${i}.png` }));
}

test.each([['SNAPPY'], ['GZIP'], ['BROTLI'], ['ZSTD'], ['LZ4_RAW'], ['UNCOMPRESSED']] as const)(
  'reads what the datasets library writes: %s',
  async (codec) => {
    const path = join(root, 'train.parquet');
    writeFileSync(path, parquet(rows(5), [0n, 1n, 2n, 1n, 0n], { codec }));
    const dataset = await openDataset(path);
    expect(dataset.info).toEqual({
      name: 'train',
      format: 'parquet',
      classes: 3,
      classNames: NAMES,
      shape: SHAPE,
    });
    const { samples, bad } = await readAll(dataset);
    expect(bad).toEqual([]);
    expect(samples).toEqual(
      [0, 1, 2, 1, 0].map((label, i) => ({ id: `p/${i}`, label, pixels: pixelsOf(i, SHAPE), shape: SHAPE })),
    );
  },
);

test('other names and columns, no paths, equal paths', async () => {
  const images = rows(4).map(({ bytes }, i) => ({ bytes, path: i < 2 ? null : 'same.png' }));
  const more = [{ name: 'weight', data: [0.5, 1.5, null, 2] as unknown as number[] }];
  const path = join(root, 'a.parquet');
  writeFileSync(path, parquet(images, [2n, 1n, 0n, 1n], { column: 'fine_label', more }));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(bad).toEqual([]);
  expect(samples.map(({ id, label }) => [id, label])).toEqual([
    ['00000', 2],
    ['00001', 1],
    ['same', 0],
    ['same@00003', 1],
  ]);
});

test.each([
  [['thumbnail', 'image'], 1],
  [['img', 'mask'], 0],
])('of the columns %j of images the one that is called so is read', async (names, meant) => {
  const path = join(root, 'data.parquet');
  writeFileSync(path, withImages(names));
  const { samples } = await readAll(await openDataset(path));
  expect(samples.map(({ pixels }) => pixels)).toEqual([pixelsOf(meant, SHAPE)]);
});

test('of several columns of images without such a name none is guessed', async () => {
  const path = join(root, 'data.parquet');
  writeFileSync(path, withImages(['left', 'right']));
  await expect(openDataset(path)).rejects.toThrow(/called image or img, in .*, found left, right; rename/);
});

/** A file of one row, whose images are numbered by their columns. */
function withImages(names: readonly string[]): Buffer {
  const schema: Schema = [
    { name: 'schema', num_children: names.length + 1 },
    ...names.flatMap((name) => [
      { name, repetition_type: 'OPTIONAL', num_children: 2 } as const,
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' } as const,
      { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' } as const,
    ]),
    { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
  ];
  const images = names.map((name, i) => ({ name, data: [{ bytes: pngOf(i, SHAPE), path: null }] }));
  const columnData: ColumnSource[] = [...images, { name: 'label', data: [1n] }];
  return Buffer.from(parquetWriteBuffer({ schema: [...schema], columnData }));
}

test('bad rows are set aside by their number', async () => {
  const images = [...rows(3), { path: 'x.png' }, { bytes: Buffer.from('no image'), path: null }, ...rows(1)];
  const path = join(root, 'a.parquet');
  writeFileSync(path, parquet(images, [0n, 3n, -1n, 0n, 0n, null]));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.map(({ id }) => id)).toEqual(['p/0']);
  expect(bad.map(({ offset, message }) => [offset, message])).toEqual([
    [1, expect.stringMatching(/a label from 0 to 2, found 3/)],
    [2, expect.stringMatching(/a label from 0 to 2, found -1/)],
    [3, expect.stringMatching(/expected the image's bytes, found only its path x\.png/)],
    [4, expect.stringMatching(/expected a PNG, JPEG, PPM, BMP, WebP, AVIF, GIF or TIFF image/)],
    [5, expect.stringMatching(/expected the label to be a class index, found null/)],
  ]);
});

test('several files are one dataset, in a folder or one by one', async () => {
  writeFileSync(join(root, 'train-0.parquet'), parquet(rows(3), [0n, 1n, 2n]));
  writeFileSync(join(root, 'train-1.parquet'), parquet(rows(2), [2n, 2n]));
  const { samples, bad } = await readAll(await openDataset(root));
  expect(bad).toEqual([]);
  expect(samples.map(({ id, label }) => `${id} ${label}`)).toEqual([
    ...['train-0/p/0 0', 'train-0/p/1 1', 'train-0/p/2 2', 'train-1/p/0 2', 'train-1/p/1 2'],
  ]);
});

test('the classes of a file without names are counted', async () => {
  const path = join(root, 'a.parquet');
  writeFileSync(path, parquet(rows(3), [0n, 6n, 2n], { names: [1 as unknown as string] }));
  expect((await openDataset(path)).info.classes).toBe(7);
});

describe('written', () => {
  test('images keep their bytes, names and ids stay, another library reads it', async () => {
    const jpeg = await jpegOf(1, SHAPE);
    const images = [{ bytes: jpeg, path: 'p/0.JPG' }, { bytes: jpeg, path: 'p/1.jpeg' }, ...rows(4).slice(2)];
    const source = join(root, 'in.parquet');
    writeFileSync(source, parquet(images, [0n, 1n, 2n, 1n]));
    const dataset = await openDataset(source);
    const target = join(root, 'out.parquet');
    const writer = await openWriter(target, { ...dataset.info, format: 'parquet' });
    for await (const result of dataset.read()) {
      if (!result.ok) throw new Error(result.quarantined.message);
      const { sample, origin } = result;
      const changed = sample.id === 'p/1';
      if (changed) await writer.write({ ...sample, pixels: pixelsOf(9, SHAPE) }, withoutImage(origin));
      else await writer.write(sample, origin);
    }
    expect(await writer.close()).toBe(4);
    const file = Uint8Array.from(readFileSync(target)).buffer;
    const written = await parquetReadObjects({ file, utf8: false });
    expect(written.map((row) => [row.image.path, row.label])).toEqual([
      ['p/0.JPG', 0n],
      ['p/1.png', 1n],
      ['p/2.png', 2n],
      ['p/3.png', 1n],
    ]);
    for (const i of [0, 2, 3]) expect(images[i]!.bytes.equals(written[i]!.image.bytes), String(i)).toBe(true);
    const again = await openDataset(target);
    expect(again.info).toEqual({ ...dataset.info, name: 'out' });
    const { samples } = await readAll(again);
    expect(samples[1]).toEqual({ id: 'p/1', label: 1, pixels: pixelsOf(9, SHAPE), shape: SHAPE });
  });

  test('a folder of files holds many groups; equal samples make equal bytes', async () => {
    const write = async (name: string) => {
      const target = join(root, name);
      const options = {
        name: 'set',
        format: 'parquet',
        classes: 4,
        shape: SHAPE,
        samplesPerShard: 250,
      } as const;
      const writer = await openWriter(target, options);
      for (let i = 0; i < 260; i++)
        await writer.write({ id: `a.b/${i}`, label: i % 3, pixels: pixelsOf(i, SHAPE), shape: SHAPE });
      await writer.close();
      return target;
    };
    const target = await write('a');
    const dataset = await openDataset(target);
    expect(dataset.info).toEqual({ name: 'set', format: 'parquet', classes: 4, shape: SHAPE });
    const { samples } = await readAll(dataset);
    expect(samples).toEqual(
      Array.from({ length: 260 }, (_, i) => ({
        id: `a.b/${i}`,
        label: i % 3,
        pixels: pixelsOf(i, SHAPE),
        shape: SHAPE,
      })),
    );
    const file = 'set-000000.parquet';
    expect(readFileSync(join(target, file)).equals(readFileSync(join(await write('b'), file)))).toBe(true);
  });
});

describe('damage', () => {
  test('a truncated file is refused', async () => {
    const path = join(root, 'a.parquet');
    writeFileSync(path, parquet(rows(5), [0n, 1n, 2n, 1n, 0n]).subarray(0, -20));
    await expect(openDataset(path)).rejects.toThrow(/expected a whole Parquet file .* found: /);
  });

  test('a schema without images is refused with what it has', async () => {
    const columnData: ColumnSource[] = [
      { name: 'text', data: ['a', 'b'] },
      { name: 'label', data: [0n, 1n] },
    ];
    const path = join(root, 'a.parquet');
    writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData })));
    await expect(openDataset(path)).rejects.toThrow(/found the columns text, label/);
  });

  test('a damaged group is one entry, the others are read', async () => {
    const path = join(root, 'a.parquet');
    const bytes = parquet(rows(6), [0n, 1n, 2n, 1n, 0n, 2n], { codec: 'GZIP' });
    // the first page header of the file belongs to the first group
    bytes.fill(0xff, 4, 40);
    writeFileSync(path, bytes);
    const { samples, bad } = await readAll(await openDataset(path));
    expect(samples.map(({ id }) => id)).toEqual(['p/2', 'p/3', 'p/4', 'p/5']);
    expect(bad).toHaveLength(1);
    expect(bad[0]).toMatchObject({ offset: 0, source: path });
    expect(bad[0]!.message).toMatch(/rows 0 to 1 are lost/);
  });

  test('a page that inflates to more than it promises is not let through', async () => {
    const bomb = { GZIP: () => gzipSync(Buffer.alloc(1 << 20)) };
    const label: ColumnSource[] = [
      { name: 'image', data: rows(2) },
      { name: 'label', data: [0n, 1n] },
    ];
    const schema: Schema = [
      { name: 'schema', num_children: 2 },
      { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
    ];
    const options = { schema, columnData: label, codec: 'GZIP', compressors: bomb } as const;
    const path = join(root, 'a.parquet');
    writeFileSync(path, Buffer.from(parquetWriteBuffer({ ...options, schema: [...schema] })));
    await expect(openDataset(path, { classes: 2 })).rejects.toThrow(
      /found 1 bad ones .*expected a whole row group, found: Cannot create a Buffer larger than/,
    );
  });
});

test('a schema that says what it does not hold is refused', async () => {
  const schema: Schema = [
    { name: 'schema', num_children: 3 },
    { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
    { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
    { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
    { name: 'more', type: 'INT64', repetition_type: 'OPTIONAL' },
  ];
  const columnData = [
    { name: 'image', data: [{ bytes: pngOf(1, [3, 2, 2]), path: 'a.png' }] },
    ...['label', 'more'].map((name) => ({ name, data: [1n] })),
  ];
  const bytes = Buffer.from(parquetWriteBuffer({ schema, columnData }));
  const path = join(root, 'a.parquet');
  writeFileSync(path, bytes);
  expect((await readAll(await openDataset(path, { classes: 2 }))).samples).toHaveLength(1);
  const footer = bytes.readUInt32LE(bytes.length - 8);
  // behind the column's type, its repetition and its name: a map, which has no children here
  const at = bytes.indexOf('\x18\x04more', bytes.length - 8 - footer, 'latin1') + 6;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(footer + 2);
  const map = Buffer.concat([
    ...[bytes.subarray(0, at), Buffer.from([0x25, 2]), bytes.subarray(at, bytes.length - 8), size],
    Buffer.from('PAR1'),
  ]);
  writeFileSync(path, map);
  await expect(openDataset(path, { classes: 2 })).rejects.toThrow(DatasetError);
  await expect(openDataset(path, { classes: 2 })).rejects.toThrow(/expected a schema that fits together/);
});

test.each([
  [
    'lists in lists that claim millions',
    Buffer.concat(Array.from({ length: 500 }, () => Buffer.from([0xf9, 0xff, 0xff, 0xff, 0x0f]))),
  ],
  [
    'very many empty structs',
    Buffer.concat([Buffer.from([0xfc, 0x80, 0x80, 0x80, 0x02]), Buffer.alloc(2 ** 22)]),
  ],
])('a footer costs no more than itself: %s', async (_, list) => {
  // field 2 of the file's metadata, a list
  const footer = Buffer.concat([Buffer.from([0x29]), list, Buffer.alloc(8)]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(footer.length);
  const path = join(root, 'a.parquet');
  writeFileSync(path, Buffer.concat([Buffer.from('PAR1'), footer, size, Buffer.from('PAR1')]));
  const before = process.memoryUsage().rss;
  await expect(openDataset(path)).rejects.toThrow(/expected a whole Parquet file/);
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 27);
});
