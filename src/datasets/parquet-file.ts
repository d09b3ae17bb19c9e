// The images and labels of a Parquet file as Hugging Face writes it, a row group at a time: a struct column of `bytes`
// and `path`, and a column of whole numbers. hyparquet parses and decodes; because it believes what a file says of
// itself, the header of every page is looked at before: no page may promise more rows than its group has, or more
// bytes than a group may hold. https://parquet.apache.org/docs/file-format/

import { type FileHandle, open } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressLz4, decompressLz4Raw } from 'hyparquet-compressors';
import { DatasetError } from '../errors.ts';

// a group is held as a whole, compressed and not
const MAX_GROUP_BYTES = 2 ** 29;
const MAX_GROUP_ROWS = 2 ** 20;
const MAX_FOOTER_BYTES = 2 ** 26;
const ENCODINGS: readonly (string | undefined)[] = [
  'PLAIN',
  'PLAIN_DICTIONARY',
  'RLE_DICTIONARY',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
];

/** As they stand in the file, of whatever types. */
export interface ParquetRow {
  readonly bytes: unknown;
  readonly path: unknown;
  readonly label: unknown;
}

export interface ParquetImages {
  /** Rows of each group, in order. */
  readonly groups: readonly number[];
  readonly classNames?: readonly string[];
  /** The rows of a group. @throws {Error} when it is damaged or too large */
  rows(group: number): Promise<ParquetRow[]>;
  /** Only the labels of a group. @throws {Error} when it is damaged or too large */
  labels(group: number): Promise<unknown[]>;
  close(): Promise<void>;
}

/** @throws {DatasetError} when it is no Parquet file, damaged at its end, or without images and labels */
export async function openParquet(path: string): Promise<ParquetImages> {
  const file = await open(path).catch((error: Error) => {
    throw new DatasetError(`expected a readable file at ${path}, found: ${error.message}; check the path`);
  });
  try {
    const { size } = await file.stat();
    const bytes = bufferOf(file, size);
    const metadata = await readMetadata(bytes, path);
    const { image, label, classNames } = columnsOf(metadata, path);
    const read = async (group: number, columns: string[]) => {
      const only = metadata.row_groups[group]!;
      await checkGroup(only, bytes, columns);
      const alone = { ...metadata, row_groups: [only], num_rows: only.num_rows };
      return parquetReadObjects({ file: bytes, metadata: alone, columns, compressors, utf8: false });
    };
    return {
      groups: metadata.row_groups.map((group) => Number(group.num_rows)),
      ...(classNames && { classNames }),
      rows: async (group) => {
        const rows = await read(group, [image, label]);
        return rows.map((row) => ({ bytes: row[image]?.bytes, path: row[image]?.path, label: row[label] }));
      },
      labels: async (group) => (await read(group, [label])).map((row): unknown => row[label]),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function bufferOf(file: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      if (!(start >= 0 && start <= end && end <= byteLength && end - start <= MAX_GROUP_BYTES)) {
        throw new Error(`bytes ${start} to ${end} of ${byteLength}`);
      }
      const bytes = new ArrayBuffer(end - start);
      const { bytesRead } = await file.read(new Uint8Array(bytes), 0, end - start, start);
      if (bytesRead < end - start) throw new Error('the end of the file');
      return bytes;
    },
  };
}

async function readMetadata(bytes: AsyncBuffer, path: string): Promise<FileMetaData> {
  try {
    if (bytes.byteLength < 12) throw new Error(`${bytes.byteLength} bytes`);
    const end = new DataView(await bytes.slice(bytes.byteLength - 8));
    if (end.getUint32(0, true) > MAX_FOOTER_BYTES) throw new Error('a damaged or larger one');
    const metadata = await parquetMetadataAsync(bytes, { geoparquet: false });
    for (const { num_rows: rows } of metadata.row_groups) {
      if (!(rows >= 0n && rows <= BigInt(MAX_GROUP_ROWS))) throw new Error(`a group of ${rows} rows`);
    }
    return metadata;
  } catch (error) {
    throw new DatasetError(
      `expected a whole Parquet file with groups of at most ${MAX_GROUP_ROWS} rows at ${path}, found: ` +
        `${(error as Error).message}; fetch or write it again`,
    );
  }
}

interface Columns {
  readonly image: string;
  readonly label: string;
  readonly classNames?: readonly string[];
}

function columnsOf(metadata: FileMetaData, path: string): Columns {
  const columns = childrenOf(metadata, path);
  const named = classLabels(metadata);
  const image = columns.find(isImage)?.element.name;
  const numbers = columns.filter(isNumber).map(({ element }) => element.name);
  const label =
    ['label', 'fine_label', 'labels'].find((name) => numbers.includes(name)) ??
    numbers.find((name) => named.has(name));
  if (image !== undefined && label !== undefined) {
    const classNames = named.get(label);
    return { image, label, ...(classNames && { classNames }) };
  }
  const found = columns.map(({ element }) => element.name).join(', ') || 'none';
  throw new DatasetError(
    `expected a column of images {bytes, path} and a column "label" of whole numbers in ${path}, ` +
      `found the columns ${found}; write them as Hugging Face datasets does`,
  );
}

function childrenOf(metadata: FileMetaData, path: string): SchemaTree[] {
  try {
    return parquetSchema(metadata).children;
  } catch (error) {
    throw new DatasetError(
      `expected a schema that fits together in ${path}, found: ${(error as Error).message}; write it again`,
    );
  }
}

/** A struct of this kind; lists cannot be rows of images. */
function isImage({ element, children }: SchemaTree): boolean {
  const holds = (name: string) =>
    children.some(
      (child) =>
        child.element.name === name &&
        child.element.type === 'BYTE_ARRAY' &&
        child.element.repetition_type !== 'REPEATED',
    );
  return element.repetition_type !== 'REPEATED' && children.length === 2 && holds('bytes') && holds('path');
}

function isNumber({ element: { type, repetition_type }, children }: SchemaTree): boolean {
  return (type === 'INT64' || type === 'INT32') && repetition_type !== 'REPEATED' && children.length === 0;
}

/** Names of the classes by column, from what the datasets library writes beside the schema. */
function classLabels({ key_value_metadata: pairs }: FileMetaData): Map<string, readonly string[]> {
  const text = pairs?.find(({ key }) => key === 'huggingface')?.value;
  const features = objectOf(objectOf(objectOf(parse(text ?? '')).info).features);
  const labels = new Map<string, readonly string[]>();
  for (const [column, feature] of Object.entries(features)) {
    const { _type: type, names } = objectOf(feature);
    const list = Array.isArray(names) && names.every((name): name is string => typeof name === 'string');
    if (type === 'ClassLabel' && list) labels.set(column, names);
  }
  return labels;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Looks at the pages of the columns that will be read. @throws {Error} when one of them promises too much */
async function checkGroup(group: RowGroup, file: AsyncBuffer, columns: readonly string[]): Promise<void> {
  const lacking = new Set(columns);
  let total = 0;
  for (const { meta_data: chunk } of group.columns) {
    const column = chunk?.path_in_schema[0];
    if (!chunk || column === undefined || !columns.includes(column)) continue;
    lacking.delete(column);
    const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
    const bytes = await file.slice(start, start + Number(chunk.total_compressed_size));
    total += checkPages(bytes, Number(group.num_rows));
    if (total > MAX_GROUP_BYTES) throw new Error(`a group of more than ${MAX_GROUP_BYTES} bytes`);
  }
  if (lacking.size > 0) throw new Error(`no column ${[...lacking].join(', ')} in a group`);
}

/** Walks over the pages of a column. @returns their size, decompressed */
function checkPages(bytes: ArrayBuffer, groupRows: number): number {
  const reader = { view: new DataView(bytes), offset: 0 };
  let rows = 0;
  let total = 0;
  while (reader.offset < bytes.byteLength - 1) {
    const page = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: whole } = page;
    const v2 = page.type === 'DATA_PAGE_V2' ? page.data_page_header_v2 : undefined;
    const data = page.type === 'DATA_PAGE' ? page.data_page_header : v2;
    const { num_values: values, encoding } = data ?? page.dictionary_page_header ?? { num_values: -1 };
    if (data) rows += values;
    total += whole;
    if (!ENCODINGS.includes(encoding)) throw new Error(`a page of encoding ${encoding ?? 'unknown'}`);
    if (!(size >= 0 && whole >= 0 && reader.offset + size <= bytes.byteLength)) {
      throw new Error(`a page of ${size} bytes, ${whole} decompressed`);
    }
    if (!(values >= 0 && values <= groupRows && rows <= groupRows) || (v2 && !(v2.num_nulls >= 0))) {
      throw new Error(`a page of ${values} values in a group of ${groupRows} rows`);
    }
    if (v2) {
      const levels = v2.definition_levels_byte_length + v2.repetition_levels_byte_length;
      if (!(v2.definition_levels_byte_length >= 0 && levels >= 0 && levels <= Math.min(size, whole)))
        throw new Error(`levels of ${levels} bytes in a page of ${size}`);
    }
    if (total > MAX_GROUP_BYTES) throw new Error(`a column of more than ${MAX_GROUP_BYTES} bytes`);
    reader.offset += size;
  }
  if (rows !== groupRows) throw new Error(`${rows} of ${groupRows} rows`);
  return total;
}

/** Each gives no more bytes than were promised; hyparquet has snappy itself. */
const compressors: Compressors = {
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(length, 1) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(length, 1) }),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
};
