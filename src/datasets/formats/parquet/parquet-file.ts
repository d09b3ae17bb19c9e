// The images and labels of a Parquet file as Hugging Face writes it, a row group at a time: a struct column of `bytes`
// and `path`, a column of whole numbers, and what else there is. hyparquet parses and decodes; because it believes what a file says of
// itself, the header of every page is looked at before. https://parquet.apache.org/docs/file-format/

import type { FileHandle } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { decompress } from 'fzstd';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  type KeyValue,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaElement,
  type SchemaTree,
} from 'hyparquet';
import { decompressLz4, decompressLz4Raw } from 'hyparquet-compressors';
import { parseJson } from '../../../bounded-json.ts';
import { DataElixirError, DatasetError } from '../../../errors.ts';
import { patience } from '../../../files/patience.ts';
import { openSource } from '../../bytes/byte-reader.ts';
import { heldBytes, passable, schemaOf } from './parquet-columns.ts';
import { checkGroup, MAX_GROUP_BYTES } from './parquet-pages.ts';
import { surveyThrift } from './thrift-survey.ts';

const MAX_GROUP_ROWS = 2 ** 20;
const MAX_FOOTER_BYTES = 2 ** 26;
/** A column of a row group takes some forty. */
const MAX_FOOTER_VALUES = 2 ** 21;

/** What the datasets on the Hugging Face hub call the column of images, where they have several. */
const IMAGE_COLUMNS: readonly string[] = ['image', 'img'];

/** As they stand in the file, of whatever types. */
export interface ParquetRow {
  readonly bytes: unknown;
  readonly path: unknown;
  readonly label: unknown;
  /** Of the further columns, as they are stored; absent where there are none. */
  readonly others?: Readonly<Record<string, unknown>>;
}

/** How a file is laid out: what a writer needs to make another one like it. */
export interface ParquetLayout {
  /** Names of all columns that are read, in their order, and of the two among them. */
  readonly columns: readonly string[];
  readonly image: string;
  readonly label: string;
  /** As the file describes them. */
  readonly schema: SchemaElement[];
  /** The same, the further ones as plain stored values. */
  readonly stored: SchemaElement[];
  /** What stands beside the schema. */
  readonly pairs: KeyValue[];
}

export interface ParquetImages {
  /** Rows of each group, in order. */
  readonly groups: readonly number[];
  readonly classNames?: readonly string[];
  readonly layout: ParquetLayout;
  /** The rows of a group. @throws {Error} when it is damaged or too large */
  rows(group: number): Promise<ParquetRow[]>;
  /** Only the labels of a group. @throws {Error} when it is damaged or too large */
  labels(group: number): Promise<unknown[]>;
  close(): Promise<void>;
}

/** @throws {DatasetError} when it is no Parquet file, damaged at its end, or without images and labels */
export async function openParquet(path: string): Promise<ParquetImages> {
  const file = await openSource(path);
  try {
    const { size } = await file.stat();
    const bytes = bufferOf(file, path, size);
    const metadata = await readMetadata(bytes, path);
    const { image, label, others, classNames, layout } = fitting(path, () => {
      const found = columnsOf(metadata, path);
      return { ...found, layout: layoutOf(metadata, found) };
    });
    const names = others.map(({ element }) => element.name);
    const read = async (group: number, columns: string[]) => {
      const only = metadata.row_groups[group]!;
      await checkGroup(only, bytes, columns, others);
      const alone = { ...metadata, schema: layout.stored, row_groups: [only], num_rows: only.num_rows };
      return parquetReadObjects({ file: bytes, metadata: alone, columns, compressors, utf8: false });
    };
    return {
      groups: metadata.row_groups.map((group) => Number(group.num_rows)),
      ...(classNames && { classNames }),
      layout,
      rows: async (group) => {
        const rows = await read(group, [image, label, ...names]);
        let held = 0;
        return rows.map(({ [image]: picture, [label]: given, ...rest }) => {
          held += heldBytes(rest);
          if (held > MAX_GROUP_BYTES)
            throw new Error(`further columns of more than ${MAX_GROUP_BYTES} bytes`);
          const row = { bytes: picture?.bytes, path: picture?.path, label: given };
          return names.length > 0 ? { ...row, others: rest } : row;
        });
      },
      labels: async (group) => (await read(group, [label])).map((row): unknown => row[label]),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function bufferOf(file: FileHandle, path: string, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      if (!(start >= 0 && start <= end && end <= byteLength && end - start <= MAX_GROUP_BYTES)) {
        throw new Error(`bytes ${start} to ${end} of ${byteLength}`);
      }
      const bytes = new ArrayBuffer(end - start);
      const { bytesRead } = await patience.read(path, () =>
        file.read(new Uint8Array(bytes), 0, end - start, start),
      );
      if (bytesRead < end - start) throw new Error('the end of the file');
      return bytes;
    },
  };
}

async function readMetadata(bytes: AsyncBuffer, path: string): Promise<FileMetaData> {
  try {
    if (bytes.byteLength < 12) throw new Error(`${bytes.byteLength} bytes`);
    const end = new DataView(await bytes.slice(bytes.byteLength - 8));
    const size = end.getUint32(0, true);
    if (size > Math.min(MAX_FOOTER_BYTES, bytes.byteLength - 8)) throw new Error('a damaged or larger one');
    const footer = await bytes.slice(bytes.byteLength - 8 - size, bytes.byteLength - 8);
    surveyThrift(new DataView(footer), 0, MAX_FOOTER_VALUES);
    const metadata = await parquetMetadataAsync(bytes, { geoparquet: false });
    for (const { num_rows: rows } of metadata.row_groups) {
      if (!(rows >= 0n && rows <= BigInt(MAX_GROUP_ROWS))) throw new Error(`a group of ${rows} rows`);
    }
    return metadata;
  } catch (error) {
    if (error instanceof DataElixirError) throw error;
    throw new DatasetError(
      `expected a whole Parquet file with groups of at most ${MAX_GROUP_ROWS} rows at ${path}, found: ` +
        `${(error as Error).message}; fetch or write it again`,
    );
  }
}

interface Columns {
  readonly image: string;
  readonly label: string;
  /** That can be passed through. */
  readonly others: readonly SchemaTree[];
  readonly classNames?: readonly string[];
}

function columnsOf(metadata: FileMetaData, path: string): Columns {
  const columns = parquetSchema(metadata).children;
  const named = classLabels(metadata);
  const image = imageAmong(
    columns.filter(isImage).map(({ element }) => element.name),
    path,
  );
  const numbers = columns.filter(isNumber).map(({ element }) => element.name);
  const label =
    ['label', 'fine_label', 'labels'].find((name) => numbers.includes(name)) ??
    numbers.find((name) => named.has(name));
  if (image !== undefined && label !== undefined) {
    const classNames = named.get(label);
    const further = columns.filter(({ element: { name } }) => name !== image && name !== label);
    return { image, label, others: passable(further, metadata), ...(classNames && { classNames }) };
  }
  const found = columns.map(({ element }) => element.name).join(', ') || 'none';
  throw new DatasetError(
    `expected a column of images {bytes, path} and a column "label" of whole numbers in ${path}, ` +
      `found the columns ${found}; write them as Hugging Face datasets does`,
  );
}

/** The column that is meant. @throws {DatasetError} where nobody can tell */
function imageAmong(names: readonly string[], path: string): string | undefined {
  const meant = IMAGE_COLUMNS.find((name) => names.includes(name)) ?? names[0];
  if (names.length < 2 || IMAGE_COLUMNS.some((name) => name === meant)) return meant;
  throw new DatasetError(
    `expected one column of images, or one called ${IMAGE_COLUMNS.join(' or ')}, in ${path}, ` +
      `found ${names.join(', ')}; rename the one that is meant`,
  );
}

function layoutOf(
  metadata: FileMetaData,
  { image, label, others }: Omit<Columns, 'classNames'>,
): ParquetLayout {
  const isRead = ({ element: { name } }: SchemaTree) =>
    name === image || name === label || others.some(({ element }) => element.name === name);
  const columns = parquetSchema(metadata).children.filter(isRead);
  const root = metadata.schema[0]!;
  return {
    columns: columns.map(({ element }) => element.name),
    image,
    label,
    schema: schemaOf(root, columns, () => false),
    stored: schemaOf(root, columns, (name) => name !== image && name !== label),
    pairs: metadata.key_value_metadata ?? [],
  };
}

/** What a schema says, which may be nothing that any part of hyparquet expects. @throws {DatasetError} then */
function fitting<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DataElixirError) throw error;
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
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Each gives no more bytes than were promised; hyparquet has snappy itself. */
const compressors: Compressors = {
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(length, 1) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(length, 1) }),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
};
