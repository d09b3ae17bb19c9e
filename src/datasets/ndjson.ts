// NDJSON, one JSON object a line: `{"id":…,"label":3,"image":"<base64 of a PNG, JPEG or PPM>"}`, or `"path"` instead
// of `"image"`, beside the file or absolute. Other fields are for the writer to give back. This is what scripts and pipes make
// most easily; lines are read one by one, and none longer than an image may be is ever held.

import { dirname, resolve } from 'node:path';
import { ForbiddenError, SampleError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { type ByteSource, nameOf } from './byte-stream.ts';
import { type DecodeImage, damagedEntry, type Entry, indexId, type LabelledImage } from './entry.ts';
import { maxImageBytes, readImageFile } from './image.ts';

const BLOCK_BYTES = 1 << 15;
// for the id, the names of fields, and fields of others
const ROOM_BYTES = 2 ** 20;
const NEWLINE = 10;

/**
 * Reads one file or stream, gzipped or not; paths in a stream start from the working folder. Empty lines are passed over; a sample without an id is named by its line.
 *
 * @param growing others still write: a last line without its end that is no object yet is left for later
 * @param first   number of the first line, where others were read before
 * @returns what was read
 */
export async function* readNdjson(
  file: ByteSource,
  maxPixels: number,
  growing = false,
  first = 0,
): AsyncGenerator<Entry, LinesRead> {
  const path = nameOf(file);
  const folder = dirname(path);
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
      yield toEntry(line.bytes, place, indexId(index++), folder, maxPixels);
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

/** One more than the largest label of a file; lines that hold none are passed over. */
export async function countNdjsonClasses(path: string, maxPixels: number): Promise<number> {
  let largest = -1;
  for await (const line of linesOf(path, maxLineBytes(maxPixels))) {
    const label = 'bytes' in line && line.bytes ? parse(line.bytes)?.label : undefined;
    if (isLabel(label) && label > largest) largest = label;
  }
  return largest + 1;
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
    bytes: size > maxBytes ? undefined : parts.length === 1 ? parts[0]! : Buffer.concat(parts),
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

function maxLineBytes(maxPixels: number): number {
  return Math.ceil((maxImageBytes(maxPixels) * 4) / 3) + ROOM_BYTES;
}

function toEntry(
  bytes: Buffer,
  place: { source: string; offset: number },
  index: string,
  folder: string,
  maxPixels: number,
): Entry {
  const fields = parse(bytes);
  if (!fields) {
    const start = JSON.stringify(bytes.toString('utf8', 0, 24));
    return damagedEntry(
      { ...place, id: index },
      `expected a JSON object on every line, found ${start}; write it again`,
    );
  }
  const named =
    typeof fields.id === 'string' || typeof fields.id === 'number' ? String(fields.id) : undefined;
  const { label } = fields;
  // what waits to be decoded holds the bytes of the image, not the text that they came in
  const image = imageIn(fields);
  const decode = async (decodeImage: DecodeImage): Promise<LabelledImage> => {
    if (!isLabel(label)) throw noLabel(label);
    if ('damage' in image) throw new SampleError(image.damage);
    const inLine = 'bytes' in image;
    const file = inLine ? image.bytes : await readNamed(resolve(folder, image.path), maxPixels);
    const id = named !== undefined && { id: named };
    const says = { ...id, label, ...(!inLine && { path: image.path }) };
    const rest = { format: 'ndjson' as const, line: bytes, folder, says };
    const origin = { image: inLine ? ('in line' as const) : file, rest };
    return { label, ...(await decodeImage(file, maxPixels)), origin };
  };
  return { ...place, id: named ?? index, ...(isLabel(label) && { label }), decode };
}

/** A line that names what nobody may read costs itself alone: whoever wrote it chose the path. */
function readNamed(path: string, maxPixels: number): Promise<Buffer> {
  return readImageFile(path, maxPixels).catch((error: Error) => {
    throw error instanceof ForbiddenError ? new SampleError(error.message) : error;
  });
}

function noLabel(label: unknown): SampleError {
  return new SampleError(
    `expected "label" to be a class index, found ${JSON.stringify(label) ?? 'none'}; write it as a number`,
  );
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
  const found = Object.keys(others).slice(0, 8).join(', ') || 'no fields';
  return { damage: `expected "image" or "path", found ${found}; add one` };
}

type Fields = Readonly<Record<string, unknown>>;

function parse(bytes: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isLabel(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
