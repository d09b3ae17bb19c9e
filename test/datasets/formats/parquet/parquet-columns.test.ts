import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Binary,
  Bool,
  Dictionary,
  Field,
  Float32,
  Int32,
  Int64,
  List,
  Struct,
  Table,
  TimestampMicrosecond,
  Uint32,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeEach, expect, test } from 'vitest';
import { openDataset } from '../../../../src/datasets/open.ts';
import { type Origin, withoutImage } from '../../../../src/datasets/origin.ts';
import type { Sample } from '../../../../src/datasets/sample.ts';
import { SampleStore } from '../../../../src/datasets/store/sample-store.ts';
import { openWriter } from '../../../../src/datasets/writer.ts';
import { parquetOf, rowsOf, tableOf } from '../../../support/arrow.ts';
import { pixelsOf, pngOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 8, 6] as const;
const COUNT = 5;

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

const struct = new Struct<{ bytes: Binary; path: Utf8 }>([
  new Field('bytes', new Binary(), true),
  new Field('path', new Utf8(), true),
]);
const box = new Struct<{ x: Float32; names: List<Utf8> }>([
  new Field('x', new Float32(), true),
  new Field('names', new List(new Field('item', new Utf8(), true)), true),
]);

/** A table as others have it, images and labels among other columns, with nulls everywhere. */
function table(): Table {
  const index = Array.from({ length: COUNT }, (_, i) => i);
  const orNull = <T>(values: readonly T[]) =>
    index.map((i) => (i % 3 === 2 ? null : values[i % values.length]!));
  return new Table({
    caption: vectorFromArray(orNull(['ü', '', 'a caption']), new Utf8()),
    img: vectorFromArray(
      index.map((i) => ({ bytes: pngOf(i, SHAPE), path: `p/${i}.png` })),
      struct,
    ),
    taken: vectorFromArray(orNull([1_700_000_000_123, -1]), new TimestampMicrosecond()),
    fine_label: vectorFromArray(
      index.map((i) => BigInt(i % 3)),
      new Int64(),
    ),
    coarse: vectorFromArray(orNull([4_000_000_000, 7]), new Uint32()),
    good: vectorFromArray(orNull([true, false]), new Bool()),
    camera: vectorFromArray(orNull(['a', 'b', 'a']), new Dictionary(new Utf8(), new Int32())),
    sizes: vectorFromArray(orNull([[1, null, 3], []]), new List(new Field('item', new Int32(), true))),
    boxes: vectorFromArray(
      orNull([[{ x: 0.1, names: ['p', null] }, null], [{ x: null, names: [] }]]),
      new List(new Field('item', box, true)),
    ),
  });
}

/** Reads a file, lets the samples wait on disk, writes those that `change` leaves. */
async function pass(source: string, target: string, change: (sample: Sample) => Partial<Sample> | undefined) {
  const dataset = await openDataset(source, { classes: 3 });
  const store = new SampleStore(join(root, 'store'), dataset.info.shape);
  for await (const result of dataset.read()) {
    if (!result.ok) throw new Error(result.quarantined.message);
    store.append(result.sample, result.origin);
  }
  const writer = await openWriter(target, { ...dataset.info, format: 'parquet', samplesPerShard: 2 });
  let index = 0;
  for (const sample of store.stream()) {
    const changes = change(sample);
    const origin: Origin | undefined = store.origin(index++);
    if (changes)
      await writer.write({ ...sample, ...changes }, changes.pixels ? withoutImage(origin) : origin);
  }
  await writer.close();
  store.dispose();
}

const withoutPicture = (row: string) => ({ ...JSON.parse(row), img: undefined, fine_label: undefined });

test('columns leave as they came: values, types, order', async () => {
  const source = join(root, 'a.parquet');
  const given = table();
  writeFileSync(source, parquetOf(given, 2));
  await pass(source, join(root, 'same.parquet'), () => ({}));
  const same = tableOf(readFileSync(join(root, 'same.parquet')));
  expect(rowsOf(same)).toEqual(rowsOf(given));
  expect(String(same.schema)).toBe(String(tableOf(readFileSync(source)).schema));
});

test('samples that are repaired or left out change nothing in the columns of the others', async () => {
  const source = join(root, 'a.parquet');
  const given = rowsOf(table());
  writeFileSync(source, parquetOf(table(), 3));
  await pass(source, join(root, 'b'), ({ id }) => {
    if (id === 'p/1') return undefined;
    return id === 'p/2' ? { label: 0, pixels: pixelsOf(9, SHAPE) } : {};
  });
  const shards = ['a-000000.parquet', 'a-000001.parquet'].map((name) =>
    tableOf(readFileSync(join(root, 'b', name))),
  );
  const written = shards.flatMap(rowsOf);
  expect(written.length).toBe(4);
  expect(written[0]).toBe(given[0]);
  expect(written[2]).toBe(given[3]);
  expect(withoutPicture(written[1]!)).toEqual(withoutPicture(given[2]!));
  expect(JSON.parse(written[1]!)).toMatchObject({ img: { path: 'p/2.png' }, fine_label: '0n' });
  const { samples } = await readAll(await openDataset(join(root, 'b')));
  expect(samples[1]).toEqual({ id: 'p/2', label: 0, pixels: pixelsOf(9, SHAPE), shape: SHAPE });
});

test('what cannot be passed through is left out, and the images are read all the same', async () => {
  const source = join(root, 'a.parquet');
  const images = [0, 1].map((i) => ({ bytes: pngOf(i, SHAPE), path: `${i}.png` }));
  const bytes = parquetWriteBuffer({
    schema: [
      { name: 'schema', num_children: 4 },
      { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
      { name: 'label', type: 'INT32', repetition_type: 'REQUIRED' },
      { name: 'tags', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'MAP' },
      { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
      { name: 'key', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED', converted_type: 'UTF8' },
      { name: 'value', type: 'INT32', repetition_type: 'OPTIONAL' },
      {
        name: 'price',
        repetition_type: 'REQUIRED',
        type: 'FIXED_LEN_BYTE_ARRAY',
        type_length: 9,
        converted_type: 'DECIMAL',
        precision: 20,
        scale: 2,
      },
    ],
    columnData: [
      { name: 'image', data: images },
      { name: 'label', data: [1, 2] },
      { name: 'tags', data: [{ a: 1 }, null] },
      { name: 'price', data: [123_456_789_012_345_678n, -1n] },
    ],
  });
  writeFileSync(source, new Uint8Array(bytes));
  await pass(source, join(root, 'b.parquet'), () => ({}));
  const [given, written] = [source, join(root, 'b.parquet')].map((path) => tableOf(readFileSync(path)));
  expect(written!.schema.names).toEqual(['image', 'label', 'price']);
  expect(rowsOf(written!.select(['price', 'label']))).toEqual(rowsOf(given!.select(['price', 'label'])));
  expect(String(written!.schema.fields[2]!.type)).toBe(String(given!.schema.fields[3]!.type));
});
