// NDJSON, one JSON object a line: `{"id":…,"label":3,"image":"<base64 of a PNG, JPEG or PPM>"}`, or `"path"` instead
// of `"image"`, beside the file or absolute. Other fields are for the writer to give back. This is what scripts and pipes make
// most easily; lines are read one by one, and none longer than an image may be is ever held. Who writes lines may be
// anybody: they name files only where they are allowed to, and a line costs nothing but itself.

import { dirname } from 'node:path';
import { CHECKED_FROM, MOST_VALUES, parseLooseJson } from '../../../bounded-json.ts';
import { SampleError } from '../../../errors.ts';
import { clipped, shown } from '../../../shown.ts';
import { ByteReader } from '../../bytes/byte-reader.ts';
import { type ByteSource, nameOf } from '../../bytes/byte-stream.ts';
import { valueText } from '../../bytes/json-splice.ts';
import { type DecodeImage, damagedEntry, type Entry, indexId, type LabelledImage } from '../../entry.ts';
import { maxImageBytes, readImageFile } from '../../images/image.ts';
import { textOf } from '../../images/image-file.ts';
import type { LabelCensus } from '../../label-census.ts';
import { type FindFile, pathsBelow } from './path-file.ts';
import { labelIn } from './text-labels.ts';

const BLOCK_BYTES = 1 << 15;
// for the id, the names of fields, and fields of others
const ROOM_BYTES = 2 ** 20;
const NEWLINE = 10;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');
/** Other programs stop reading a little deeper than that. */
const MAX_DEPTH = 100;
/** Whoever wrote a line chose its path: what is denied there, or is no file of a disk, costs the line. */
const OF_OTHERS = { least: 1, denialsPass: false };

export interface NdjsonOptions {
  /** Folder that paths may lead into, links followed; lines with a path are refused when absent. */
  readonly paths: string | undefined;
  /** Others still write: a last line without its end that is no object yet is left for later. */
  readonly growing?: boolean;
  /** Of the classes, where labels are names. */
  readonly classNames?: readonly string[] | undefined;
  /** Number of the first line, where others were read before. */
  readonly first?: number;
}

/**
 * Reads one file or stream, gzipped or not; paths in a stream start from the working folder. Empty lines are passed over; a sample without an id is named by its line.
 *
 * @returns what was read
 */
export async function* readNdjson(
  file: ByteSource,
  maxPixels: number,
  { paths, growing = false, first = 0, classNames }: NdjsonOptions,
): AsyncGenerator<Entry, LinesRead> {
  const path = nameOf(file);
  const folder = dirname(path);
  const find = pathsBelow(paths, folder);
  let index = first;
  let end = 0;
  for await (const line of linesOf(file, maxLineBytes(maxPixels), growing)) {
    const place = { source: path, offset: line.offset };
    if ('end' in line) end = line.end;
    if ('damage' in line) {
      yield damagedEntry(place, `expected whole lines, found: ${line.damage}; fetch the file again`);
    } else if (!line.bytes) {
      yield damagedEntry(
        { ...place, id: indexId(index++) },
        `expected a line of at most ${maxLineBytes(maxPixels)} bytes, found ${line.size}; raise dataset.maxPixels`,
      );
    } else if (line.bytes.some((byte) => byte > 32)) {
      yield toEntry(line.bytes, place, indexId(index++), { folder, find, maxPixels, classNames });
    }
  }
  return { lines: index, end };
}

/** How far a file was read. */
export interface LinesRead {
  /** Lines that were read, with those before. */
  readonly lines: number;
  /** Byte offset after the last of them. */
  readonly end: number;
}

/** Counts the labels of a file; lines that hold none are passed over. */
export async function countNdjsonLabels(path: string, maxPixels: number, census: LabelCensus): Promise<void> {
  for await (const line of linesOf(path, maxLineBytes(maxPixels))) {
    const label = labelIn('bytes' in line && line.bytes ? parse(line.bytes)?.label : undefined, undefined);
    if (label !== undefined) census.add(label);
  }
}

/** The labels of a file as they stand there, of whatever types. */
export async function* ndjsonLabels(path: string, maxPixels: number): AsyncGenerator<unknown> {
  for await (const line of linesOf(path, maxLineBytes(maxPixels))) {
    const fields = 'bytes' in line && line.bytes ? parse(line.bytes) : undefined;
    if (fields) yield fields.label;
  }
}

type Line =
  | {
      readonly offset: number;
      /** Offset after it and its end. */
      readonly end: number;
      readonly size: number;
      readonly bytes: Buffer | undefined;
    }
  | { readonly offset: number; readonly damage: string };

/** Lines with their places; of those that are too long only the size is kept. */
async function* linesOf(file: ByteSource, maxBytes: number, growing = false): AsyncGenerator<Line> {
  const reader = new ByteReader(file);
  let offset = 0;
  let size = 0;
  let parts: Buffer[] = [];
  const take = (end: number): Line => ({
    offset,
    end,
    size,
    bytes:
      size > maxBytes
        ? undefined
        : withoutMark(parts.length === 1 ? parts[0]! : Buffer.concat(parts), offset),
  });
  try {
    for (
      let block = await reader.take(BLOCK_BYTES);
      block.length > 0;
      block = await reader.take(BLOCK_BYTES)
    ) {
      for (let from = 0; from < block.length; ) {
        const at = block.indexOf(NEWLINE, from);
        const end = at < 0 ? block.length : at;
        size += end - from;
        if (size <= maxBytes) parts.push(block.subarray(from, end));
        else parts = [];
        from = end + 1;
        if (at < 0) continue;
        yield take(offset + size + 1);
        offset += size + 1;
        size = 0;
        parts = [];
      }
    }
    // of a damaged file the last line is not whole
    if (reader.damage !== undefined) yield { offset, damage: reader.damage };
    else if (size > 0 && (!growing || parse(Buffer.concat(parts)))) yield take(offset + size);
  } finally {
    await reader.close();
  }
}

/** Some editors begin a file with a byte order mark. */
function withoutMark(line: Buffer, offset: number): Buffer {
  return offset === 0 && line.indexOf(BYTE_ORDER_MARK) === 0 ? line.subarray(BYTE_ORDER_MARK.length) : line;
}

function maxLineBytes(maxPixels: number): number {
  return Math.ceil((maxImageBytes(maxPixels) * 4) / 3) + ROOM_BYTES;
}

/** How images of a file's lines are found. */
interface Images {
  /** That relative paths start from. */
  readonly folder: string;
  readonly find: FindFile;
  readonly maxPixels: number;
  readonly classNames: readonly string[] | undefined;
}

function toEntry(
  bytes: Buffer,
  place: { source: string; offset: number },
  index: string,
  { folder, find, maxPixels, classNames }: Images,
): Entry {
  const fields = parse(bytes);
  if (!fields) {
    const start = JSON.stringify(bytes.toString('utf8', 0, 24));
    const most = bytes.length < CHECKED_FROM ? '' : ` of at most ${MOST_VALUES} values`;
    return damagedEntry(
      { ...place, id: index },
      `expected a JSON object on every line${most}, found ${start}; write it again`,
    );
  }
  const named = nameIn(fields, bytes);
  if (isDeeper(fields, MAX_DEPTH)) {
    return damagedEntry(
      { ...place, id: named ?? index },
      `expected fields nested at most ${MAX_DEPTH} deep, found more; leave them out`,
    );
  }
  const label = labelIn(fields.label, classNames);
  // what waits to be decoded holds the bytes of the image, not the text that they came in
  const image = imageIn(fields);
  const decode = async (decodeImage: DecodeImage): Promise<LabelledImage> => {
    if (label === undefined) throw noLabel(fields.label, bytes);
    if ('damage' in image) throw new SampleError(image.damage);
    const inLine = 'bytes' in image;
    const file = inLine ? image.bytes : await readImageFile(await find(image.path), maxPixels, OF_OTHERS);
    const id = named !== undefined && { id: named };
    const says = { ...id, label, ...(!inLine && { path: image.path }) };
    const rest = { format: 'ndjson' as const, line: bytes, folder, says };
    const origin = { image: inLine ? ('in line' as const) : file, rest };
    return { label, ...(await decodeImage(file, maxPixels)), origin };
  };
  const held = !('path' in image) && { held: bytes.length };
  return { ...place, id: named ?? index, ...(label !== undefined && { label }), ...held, decode };
}

/** The id of a line as text. A number is taken as it stands there: JavaScript rounds those above 2⁵³. */
function nameIn({ id }: Fields, line: Buffer): string | undefined {
  if (typeof id === 'string') return id;
  return typeof id === 'number' ? valueText(textOf(line), 'id') : undefined;
}

function noLabel(label: unknown, line: Buffer): SampleError {
  const found = typeof label === 'number' ? clipped(valueText(textOf(line), 'label')!) : shown(label);
  return new SampleError(`expected "label" to be a class index, found ${found}; write it as a number`);
}

/** Whether lists and objects lie deeper in it than that; without recursion, which they could exhaust. */
function isDeeper(value: object, most: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return true;
    level = level.flatMap((outer) => Object.values(outer).filter(isObject));
  }
  return false;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The image of a line, where it is, or why there is none. */
function imageIn({
  image,
  path,
  ...others
}: Fields): { readonly bytes: Buffer } | { readonly path: string } | { readonly damage: string } {
  if (typeof image === 'string') {
    const bytes = Buffer.from(image, 'base64');
    // Node passes over what is not base64
    const digits = image.length - (image.endsWith('==') ? 2 : image.endsWith('=') ? 1 : 0);
    if (digits % 4 !== 1 && bytes.length === Math.floor((3 * digits) / 4)) return { bytes };
    return { damage: 'expected "image" in base64, found other characters; encode it' };
  }
  if (typeof path === 'string') return { path };
  const found =
    Object.keys(others)
      .slice(0, 8)
      .map((name) => clipped(name))
      .join(', ') || 'no fields';
  return { damage: `expected "image" or "path", found ${found}; add one` };
}

type Fields = Readonly<Record<string, unknown>>;

function parse(bytes: Buffer): Fields | undefined {
  try {
    const value = parseLooseJson(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
