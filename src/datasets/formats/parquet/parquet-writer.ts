// Writes Parquet as Hugging Face does: `image: {bytes, path}`, `label` as int64, and the features as JSON beside the
// schema, so that the datasets library shows images and class names. What was read from Parquet keeps the names and the
// order of its columns, the further ones with the values that they had, and what stood beside the schema. Images are
// compressed already and are stored as they are. A row group is written when it has a hundred rows, or 32 MiB: readers
// hold a group as a whole.

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ConvertedType, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { imageStem } from '../../images/image.ts';
import { imageFile } from '../../images/image-file.ts';
import type { Origin } from '../../origin.ts';
import type { Sample } from '../../sample.ts';
import { type PartWriter, unwritable } from '../part-writer.ts';
import { heldBytes } from './parquet-columns.ts';
import { openParquet, type ParquetLayout } from './parquet-file.ts';

// the writer's own idea of a schema lacks what `passable` leaves out
type WrittenSchema = ConstructorParameters<typeof ParquetWriter>[0]['schema'];

const GROUP_ROWS = 100;
const GROUP_BYTES = 2 ** 25;
const SCHEMA: ParquetLayout['schema'] = [
  { name: 'schema', num_children: 2 },
  { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
  { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
  {
    name: 'path',
    type: 'BYTE_ARRAY',
    repetition_type: 'OPTIONAL',
    converted_type: 'UTF8',
    logical_type: { type: 'STRING' },
  },
  { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
];

interface Row {
  readonly image: { readonly bytes: Uint8Array; readonly path: string };
  readonly label: number;
  readonly others: Readonly<Record<string, unknown>>;
}

/** Writes one file. @param classNames of all classes, by label */
export async function openParquetWriter(path: string, classNames?: readonly string[]): Promise<PartWriter> {
  const refuse = (error: Error): never => {
    throw unwritable(path, error);
  };
  const file = await open(path, 'w').catch(refuse);
  const buffer = new ByteWriter();
  let begun: { readonly layout: ParquetLayout; readonly parquet: ParquetWriter } | undefined;
  const begin = (layout: ParquetLayout) => {
    // an empty list would be one of bytes, which others refuse
    const pairs = layout.pairs.length > 0 && { kvMetadata: layout.pairs };
    const schema = layout.stored as WrittenSchema;
    begun = { layout, parquet: new ParquetWriter({ writer: buffer, schema, ...pairs }) };
    return begun;
  };
  let rows: Row[] = [];
  let held = 0;
  const flush = async () => {
    if (begun && rows.length > 0) addGroup(begun.parquet, begun.layout, rows);
    rows = [];
    held = 0;
    await file.writeFile(buffer.getBytes());
    buffer.index = 0;
  };
  return {
    parts: [basename(path)],
    write: async (sample, origin) => {
      if (!begun) begin(await layoutFor(origin, classNames));
      const row = rowOf(sample, origin);
      rows.push(row);
      held += row.image.bytes.length + heldBytes(row.others);
      if (rows.length >= GROUP_ROWS || held >= GROUP_BYTES) await flush().catch(refuse);
    },
    close: async () => {
      try {
        const { layout, parquet } = begun ?? begin(ownLayout(classNames));
        await flush();
        // the footer says what the stored values mean
        parquet.schema = layout.schema.map(writable) as WrittenSchema;
        await parquet.finish();
        await file.writeFile(buffer.getBytes());
      } catch (error) {
        refuse(error as Error);
      } finally {
        await file.close();
      }
    },
  };
}

/** That of the file which the first sample came from. */
async function layoutFor(
  origin: Origin | undefined,
  classNames: readonly string[] | undefined,
): Promise<ParquetLayout> {
  if (origin?.rest?.format !== 'parquet') return ownLayout(classNames);
  const source = await openParquet(origin.rest.file);
  await source.close();
  return source.layout;
}

function ownLayout(classNames: readonly string[] | undefined): ParquetLayout {
  const columns = ['image', 'label'];
  return {
    columns,
    image: 'image',
    label: 'label',
    schema: SCHEMA,
    stored: SCHEMA,
    pairs: features(classNames),
  };
}

/** The path says the id, which it has kept where it did so before. */
function rowOf(sample: Sample, origin: Origin | undefined): Row {
  const { bytes, extension } = imageFile(sample, origin);
  const rest = origin?.rest?.format === 'parquet' ? origin.rest : undefined;
  const known = origin?.image && rest?.path !== undefined ? rest.path : '';
  const path = imageStem(known) === sample.id ? known : `${sample.id}.${extension}`;
  return { image: { bytes, path }, label: sample.label, others: rest?.others ?? {} };
}

function addGroup(
  parquet: ParquetWriter,
  { columns, image, label, stored }: ParquetLayout,
  rows: readonly Row[],
): void {
  const small = stored.find(({ name }) => name === label)?.type === 'INT32';
  // waits for nothing: the buffer that it writes to is in memory
  void parquet.write({
    columnData: columns.map((name) => {
      if (name === image) {
        const data = rows.map((row) => row.image);
        return { name, data, encoding: 'PLAIN', codec: 'UNCOMPRESSED', statistics: false };
      }
      if (name === label) return { name, data: rows.map((row) => (small ? row.label : BigInt(row.label))) };
      return { name, data: rows.map((row) => row.others[name] ?? null), statistics: false };
    }),
    rowGroupSize: rows.length,
  });
}

/** hyparquet-writer 0.17 doubles the width of logical integers; converted types say the same. */
function writable({ logical_type: logical, ...element }: SchemaElement): SchemaElement {
  if (logical?.type !== 'INTEGER') return { ...element, ...(logical && { logical_type: logical }) };
  const { isSigned, bitWidth } = logical;
  return { ...element, converted_type: `${isSigned ? 'INT' : 'UINT'}_${bitWidth}` as ConvertedType };
}

function features(names: readonly string[] | undefined): { key: string; value: string }[] {
  const label = names ? { names, _type: 'ClassLabel' } : { dtype: 'int64', _type: 'Value' };
  const value = JSON.stringify({ info: { features: { image: { _type: 'Image' }, label } } });
  return [{ key: 'huggingface', value }];
}
