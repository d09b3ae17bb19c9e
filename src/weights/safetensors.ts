// The safetensors format (github.com/huggingface/safetensors): a length, a JSON header with types, shapes and
// byte ranges, then the tensors back to back. Reading follows the specification's checks: bounded header, no
// holes, no overlaps. Writing goes through a side file, so that a crash leaves the old file or the new one.

import { open } from 'node:fs/promises';
import { parseJson } from '../bounded-json.ts';
import { WeightsError } from '../errors.ts';
import { replaceFile } from '../files/successor.ts';
import { sizeOf } from '../graph/graph.ts';
import { shown } from '../shown.ts';
import type { ByteSource } from './byte-source.ts';
import { withFile } from './byte-source.ts';
import type { ElementType } from './element-types.ts';
import { ELEMENT_BYTES, toFloat32 } from './element-types.ts';
import type { Weights, WeightTensor } from './weights.ts';

/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;

const TYPES: ReadonlyMap<unknown, ElementType> = new Map(
  Object.entries({
    F64: 'float64',
    F32: 'float32',
    F16: 'float16',
    BF16: 'bfloat16',
    I64: 'int64',
    I32: 'int32',
    I16: 'int16',
    I8: 'int8',
    U8: 'uint8',
    BOOL: 'bool',
  } as const),
);

/** A file's weights, and the strings of its `__metadata__`. */
export interface Safetensors {
  readonly weights: Weights;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads all tensors of a safetensors file as float32, in the order of their data.
 *
 * @throws {WeightsError} when the file is damaged or holds an unknown element type
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return withFile(path, readSafetensorsFrom);
}

/** {@link readSafetensors} from an open file. */
export async function readSafetensorsFrom(source: ByteSource): Promise<Safetensors> {
  const { header, dataStart } = await readHeader(source);
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = Object.entries(tensors)
    .map(([name, value]) => toEntry(name, value, source.name))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  expectNoHoles(entries, source.size - dataStart, source.name);
  const weights = new Map<string, WeightTensor>();
  for (const { name, type, shape, begin, end } of entries) {
    const bytes = await source.read(dataStart + begin, end - begin);
    weights.set(name, { shape, data: toFloat32(type, bytes) });
  }
  return { weights, metadata: toMetadata(metadata, source.name) };
}

/**
 * Writes float32 tensors in the order of `weights`: the same weights and metadata give the same bytes.
 *
 * @param metadata strings for `__metadata__`
 * @throws {OutputError} when the disk refuses it
 */
export async function writeSafetensors(
  path: string,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
  replace = true,
): Promise<void> {
  const write = async (beside: string) => {
    const handle = await open(beside, 'wx');
    try {
      await handle.writeFile(encodeHeader(weights, metadata));
      for (const { data } of weights.values()) {
        await handle.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
    } finally {
      await handle.close();
    }
  };
  await replaceFile(path, write, replace);
}

/** Length and JSON, padded with spaces so that the data starts at a multiple of eight. */
function encodeHeader(weights: Weights, metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: [string, unknown][] = [['__metadata__', metadata]];
  let begin = 0;
  for (const [name, { shape, data }] of weights) {
    const end = begin + data.byteLength;
    header.push([name, { dtype: 'F32', shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = Buffer.alloc(8 + padded, ' ');
  bytes.writeBigUInt64LE(BigInt(padded));
  json.copy(bytes, 8);
  return bytes;
}

async function readHeader(
  source: ByteSource,
): Promise<{ header: Readonly<Record<string, unknown>>; dataStart: number }> {
  const length = Number(Buffer.from(await source.read(0, 8)).readBigUInt64LE());
  if (length > MAX_HEADER_BYTES) {
    throw damaged(source.name, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  }
  const text = Buffer.from(await source.read(8, length)).toString();
  let header: unknown;
  try {
    header = parseJson(text);
  } catch (cause) {
    throw damaged(source.name, 'a JSON header', (cause as Error).message);
  }
  if (!isRecord(header)) throw damaged(source.name, 'a JSON object as header', text.slice(0, 40));
  return { header, dataStart: 8 + length };
}

function toEntry(name: string, value: unknown, file: string): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const type = TYPES.get(dtype);
  if (!type) throw damaged(file, `one of ${[...TYPES.keys()]} for ${name}`, shown(dtype));
  if (!isSizes(shape)) throw damaged(file, `a shape for ${name}`, shown(shape));
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw damaged(file, `two offsets for ${name}`, shown(offsets));
  }
  const [begin, end] = offsets as [number, number];
  const bytes = sizeOf(shape) * ELEMENT_BYTES[type];
  if (end - begin !== bytes) throw damaged(file, `${bytes} bytes for ${name} [${shape}]`, `${end - begin}`);
  return { name, type, shape, begin, end };
}

function expectNoHoles(entries: readonly Entry[], dataBytes: number, file: string): void {
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) throw damaged(file, `${name} at data offset ${position}`, `${begin}`);
    position = end;
  }
  if (position !== dataBytes) throw damaged(file, `${position} bytes of data`, `${dataBytes}`);
}

function toMetadata(value: unknown, file: string): Readonly<Record<string, string>> {
  if (isRecord(value) && Object.values(value).every((v) => typeof v === 'string')) {
    return value as Record<string, string>;
  }
  throw damaged(file, 'strings in __metadata__', shown(value));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}

function damaged(file: string, expected: string, found: string): WeightsError {
  return new WeightsError(
    `expected ${expected} in the safetensors file ${file}, found ${found}; the file is damaged, fetch it again`,
  );
}
