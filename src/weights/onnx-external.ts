// Weights that an ONNX file keeps in one other file beside it, as `torch.onnx.export` writes them by default, taken into the
// model: so that what runs, what is remembered and what is written is one piece. Only a file without folders in its name is
// read, and only once as many bytes as it has.

import { dirname, join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { WeightsError } from '../errors.ts';
import { shown } from '../shown.ts';
import { type ByteSource, withFile } from './byte-source.ts';
import { ELEMENT_BYTES, type ElementType } from './element-types.ts';
import { ELEMENT_TYPES } from './onnx-schema.ts';
import { EXTERNAL, externalTensor, type Kind, PARTS, TENSOR } from './onnx-survey.ts';

const LENGTH_DELIMITED = 2;
const FILE_NAME = /^(?!\.{1,2}$)[^/\\\0]{1,255}$/;
/** A protocol buffer holds no more. */
const MOST_BYTES = 2 ** 31 - 1;

/** A tensor's data in the other file. */
interface Elsewhere {
  readonly name: string;
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * A model with all weights inside; what has them is given back as it is.
 *
 * @param path of the model, beside which the other file lies
 * @throws {WeightsError} when the other file is elsewhere, missing or too small, or the model is none
 */
export async function withOwnWeights(model: SharedArrayBuffer, path: string): Promise<SharedArrayBuffer> {
  const bytes = new Uint8Array(model);
  if (externalTensor(bytes, path) === undefined) return model;
  const tensors = new Map<number, Elsewhere>();
  rewritten(bytes, 'model', (at, tensor) => {
    tensors.set(at, elsewhere(tensor, path));
    return [];
  });
  const [{ location }] = [...tensors.values()] as [Elsewhere];
  const other = [...tensors.values()].find((tensor) => tensor.location !== location);
  if (other) throw unfit(path, `all weights in ${location} or inside`, `${other.name} in ${other.location}`);
  return withFile(join(dirname(path), location), async (data) => {
    const total = [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
    if (total > data.size || total + bytes.length > MOST_BYTES) {
      throw unfit(path, `weights of ${total} bytes in ${location}`, `${data.size} bytes`);
    }
    const read = await readAll(tensors, data);
    const parts = rewritten(bytes, 'model', (at) => [field(9, read.get(at)!.length), read.get(at)!]);
    const whole = new Uint8Array(new SharedArrayBuffer(parts.reduce((sum, part) => sum + part.length, 0)));
    let position = 0;
    for (const part of parts) {
      whole.set(part, position);
      position += part.length;
    }
    return whole.buffer;
  });
}

async function readAll(tensors: ReadonlyMap<number, Elsewhere>, data: ByteSource) {
  const read = new Map<number, Uint8Array>();
  for (const [at, { offset, length }] of tensors) read.set(at, await data.read(offset, length));
  return read;
}

/**
 * The parts of a message, those around a tensor with data elsewhere made anew.
 *
 * @param bytes that `externalTensor` has looked over
 * @param data what stands in the place of where the data lie, for the tensor that begins there
 */
function rewritten(
  bytes: Uint8Array,
  kind: Kind,
  data: (at: number, tensor: Uint8Array) => Uint8Array[],
  from = 0,
  end = bytes.length,
): Uint8Array[] {
  const reader = protobuf.Reader.create(bytes);
  const parts: Readonly<Record<number, Kind>> = PARTS[kind];
  const kept: Uint8Array[] = [];
  let isElsewhere = false;
  let unchanged = from;
  const keepTo = (position: number) => kept.push(bytes.subarray(unchanged, position));
  reader.pos = from;
  while (reader.pos < end) {
    const begin = reader.pos;
    const tag = reader.uint32();
    const [id, wire] = [tag >>> 3, tag & 7];
    const part = wire === LENGTH_DELIMITED ? parts[id] : undefined;
    if (part) {
      const length = reader.uint32();
      const start = reader.pos;
      const inner = rewritten(bytes, part, data, start, start + length);
      reader.pos = start + length;
      if (inner.length === 1 && inner[0]!.length === length) continue;
      keepTo(begin);
      kept.push(
        field(
          id,
          inner.reduce((sum, { length: size }) => sum + size, 0),
        ),
        ...inner,
      );
      unchanged = reader.pos;
    } else if (kind === 'tensor' && (id === TENSOR.external || id === TENSOR.location)) {
      if (id === TENSOR.location && wire === 0) isElsewhere ||= reader.int32() === EXTERNAL;
      else reader.skipType(wire);
      keepTo(begin);
      unchanged = reader.pos;
    } else reader.skipType(wire);
  }
  keepTo(end);
  if (isElsewhere) kept.push(...data(from, bytes.subarray(from, end)));
  return kept;
}

/** Where a tensor says that its data lie, which `externalTensor` has not looked into. */
function elsewhere(tensor: Uint8Array, path: string): Elsewhere {
  try {
    return placeIn(tensor, path);
  } catch (cause) {
    if (cause instanceof WeightsError) throw cause;
    throw unfit(path, 'the place of its weights', `none that can be read (${(cause as Error).message})`);
  }
}

function placeIn(tensor: Uint8Array, path: string): Elsewhere {
  const reader = protobuf.Reader.create(tensor);
  const says = new Map<string, string>();
  const dims: number[] = [];
  let [name, type] = ['', 0];
  while (reader.pos < tensor.length) {
    const tag = reader.uint32();
    const [id, wire] = [tag >>> 3, tag & 7];
    if (id === TENSOR.dims && wire === 0) dims.push(Number(reader.int64()));
    else if (id === TENSOR.dims && wire === LENGTH_DELIMITED) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) dims.push(Number(reader.int64()));
    } else if (id === TENSOR.type && wire === 0) type = reader.int32();
    else if (id === TENSOR.name && wire === LENGTH_DELIMITED) name = reader.string();
    else if (id === TENSOR.external && wire === LENGTH_DELIMITED) says.set(...entryOf(reader));
    else reader.skipType(wire);
  }
  const location = says.get('location') ?? '';
  if (!FILE_NAME.test(location)) {
    throw unfit(path, 'weights in a file beside it', `${name || 'a tensor'} at ${shown(location)}`);
  }
  const element = Object.entries(ELEMENT_TYPES).find(([, id]) => id === type)?.[0] as ElementType | undefined;
  const bytes = element && dims.reduce((product, extent) => product * extent, ELEMENT_BYTES[element]);
  const [offset, length] = [Number(says.get('offset') ?? 0), Number(says.get('length') ?? bytes)];
  if (bytes === length && [offset, length].every((size) => Number.isSafeInteger(size) && size >= 0)) {
    return { name, location, offset, length };
  }
  throw unfit(
    path,
    `${bytes ?? 'so many'} bytes of ${name} [${dims}]`,
    `${length} at ${offset} of ${location}`,
  );
}

function entryOf(reader: protobuf.Reader): [string, string] {
  const end = reader.uint32() + reader.pos;
  const entry: [string, string] = ['', ''];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) entry[0] = reader.string();
    else if (tag === 18) entry[1] = reader.string();
    else reader.skipType(tag & 7);
  }
  return entry;
}

/** The head of a part of so many bytes. */
function field(id: number, length: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((id << 3) | LENGTH_DELIMITED)
    .uint32(length)
    .finish();
}

function unfit(path: string, expected: string, found: string): WeightsError {
  return new WeightsError(`expected ${expected} for ${path}, found ${found}; save the model as one file`);
}
