// Writes Parquet as Hugging Face does: `image: {bytes, path}`, `label` as int64, and the features as JSON beside the
// schema, so that the datasets library shows images and class names. Images are compressed already and are stored as
// they are. A row group is written when it has a hundred rows, or 32 MiB: readers hold a group as a whole.

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { imageStem } from './image.ts';
import { imageFile, type Origin } from './origin.ts';
import { type PartWriter, unwritable } from './part-writer.ts';
import type { Sample } from './sample.ts';

const GROUP_ROWS = 100;
const GROUP_BYTES = 2 ** 25;
const SCHEMA: ConstructorParameters<typeof ParquetWriter>[0]['schema'] = [
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
  readonly label: bigint;
}

/** Writes one file. @param classNames of all classes, by label */
export async function openParquetWriter(path: string, classNames?: readonly string[]): Promise<PartWriter> {
  const refuse = (error: Error): never => {
    throw unwritable(path, error);
  };
  const file = await open(path, 'w').catch(refuse);
  const buffer = new ByteWriter();
  const parquet = new ParquetWriter({ writer: buffer, schema: SCHEMA, kvMetadata: features(classNames) });
  let rows: Row[] = [];
  let held = 0;
  const flush = async () => {
    if (rows.length > 0) addGroup(parquet, rows);
    rows = [];
    held = 0;
    await file.writeFile(buffer.getBytes());
    buffer.index = 0;
  };
  return {
    parts: [basename(path)],
    write: async (sample, origin) => {
      const row = rowOf(sample, origin);
      rows.push(row);
      held += row.image.bytes.length;
      if (rows.length >= GROUP_ROWS || held >= GROUP_BYTES) await flush().catch(refuse);
    },
    close: async () => {
      try {
        await flush();
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

/** The path says the id, which it has kept where it did so before. */
function rowOf(sample: Sample, origin: Origin | undefined): Row {
  const { bytes, extension } = imageFile(sample, origin);
  const known = origin?.image && origin.rest?.format === 'parquet' ? origin.rest.path : '';
  const path = imageStem(known) === sample.id ? known : `${sample.id}.${extension}`;
  return { image: { bytes, path }, label: BigInt(sample.label) };
}

function addGroup(parquet: ParquetWriter, rows: readonly Row[]): void {
  // waits for nothing: the buffer that it writes to is in memory
  void parquet.write({
    columnData: [
      {
        name: 'image',
        data: rows.map((row) => row.image),
        encoding: 'PLAIN',
        codec: 'UNCOMPRESSED',
        statistics: false,
      },
      { name: 'label', data: rows.map((row) => row.label) },
    ],
    rowGroupSize: rows.length,
  });
}

function features(names: readonly string[] | undefined): { key: string; value: string }[] {
  const label = names ? { names, _type: 'ClassLabel' } : { dtype: 'int64', _type: 'Value' };
  const value = JSON.stringify({ info: { features: { image: { _type: 'Image' }, label } } });
  return [{ key: 'huggingface', value }];
}
