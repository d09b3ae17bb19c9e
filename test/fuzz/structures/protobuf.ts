// Protocol buffers with other fields, which still are protocol buffers: nothing needs to know their schema, since what
// reads as a message mostly is one. What is known of ONNX are fields that make trouble, to be put in anywhere.
// https://protobuf.dev/programming-guides/encoding/

import type { RandomStream } from '../../../src/math/random.ts';
import { type Mutation, mutate, pick } from '../mutate.ts';
import { Cursor, VARINTS, varint } from './varint.ts';

interface Field {
  id: number;
  wire: number;
  /** With the length before it where it has one. */
  content: Buffer;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
const MOST_DEPTH = 10;

export function delimited(id: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([varint(BigInt(id * 8 + DELIMITED)), varint(BigInt(bytes.length)), bytes]);
}

export function number(id: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(BigInt(id * 8 + VARINT)), varint(BigInt(value))]);
}

/** Where the data of an ONNX tensor lie. */
export function external(entries: Readonly<Record<string, string>>): Buffer {
  const says = Object.entries(entries).map(([key, value]) =>
    delimited(13, delimited(1, Buffer.from(key)), delimited(2, Buffer.from(value))),
  );
  return Buffer.concat([...says, number(14, 1)]);
}

const LOCATIONS = [
  '../canary.bin',
  '/etc/passwd',
  'm.onnx.data',
  '',
  '.',
  '..',
  'link.png',
  'a\\..\\b',
  'm\0',
];
const SIZES = ['0', '-1', '32', '9007199254740993', '1e3', 'NaN', '', '0x10'];

/** Fields to be put in. */
const INSERTED: readonly ((random: RandomStream) => Buffer)[] = [
  (random) => external({ location: pick(LOCATIONS, random) }),
  (random) =>
    external({ location: pick(LOCATIONS, random), offset: pick(SIZES, random), length: pick(SIZES, random) }),
  (random) => number(1 + random.integer(30), pick(VARINTS, random)),
  // extents, and a list of them that ends in the middle of one
  (random) =>
    delimited(1, ...Array.from({ length: 1 + random.integer(9) }, () => varint(pick(VARINTS, random)))),
  () => delimited(1, Buffer.from([0x80])),
  // a string that says of itself that it is longer than all
  () => delimited(13, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x61])),
  (random) =>
    delimited(14, delimited(1, Buffer.from(pick(METADATA, random))), delimited(2, Buffer.from('[1'))),
  (random) => delimited(14, delimited(1, Buffer.from(pick(METADATA, random)))),
  // an opened group, and one that only ends
  (random) => varint(BigInt((1 + random.integer(20)) * 8 + 3)),
  (random) => varint(BigInt((1 + random.integer(20)) * 8 + 4)),
  (random) => Buffer.alloc(1 + random.integer(5000), 0x0b),
  // graphs in attributes of nodes of graphs
  (random) => nested([1, 5, 6], pick([5, 40, 1000], random)),
  // types in types
  (random) => nested([2, 1, 2, 1], pick([5, 40, 1000], random)),
];
const METADATA = ['classNames', 'dataelixir', 'prediction_type', 'beta_schedule', 'num_train_timesteps', ''];

function nested(ids: readonly number[], times: number): Buffer {
  let bytes: Buffer = Buffer.alloc(0);
  for (let i = 0; i < times; i++) for (const id of ids.toReversed()) bytes = delimited(id, bytes);
  return bytes;
}

export const mutateProtobuf: Mutation = (bytes, random, other) => {
  let changed = bytes;
  for (let left = 1 + random.integer(3); left > 0; left--) changed = message(changed, random, other, 0);
  return changed;
};

function message(bytes: Buffer, random: RandomStream, other: Buffer, depth: number): Buffer {
  const fields = fieldsOf(bytes);
  if (!fields || fields.length === 0)
    return random.integer(2) ? mutate(bytes, random, other) : insertedOnly(random);
  const at = random.integer(fields.length);
  const field = fields[at]!;
  const inner = field.wire === DELIMITED ? contentOf(field) : undefined;
  if (inner && depth < MOST_DEPTH && inner.length > 0 && random.integer(5) > 0) {
    const isText = !fieldsOf(inner);
    return joined(
      fields,
      at,
      withContent(
        field,
        isText && random.integer(2) ? text(random) : message(inner, random, other, depth + 1),
      ),
    );
  }
  switch (random.integer(8)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      fields.splice(at, 0, ...Array.from({ length: pick([1, 2, 500], random) }, () => field));
      break;
    case 2:
      fields[at] = { ...field, id: 1 + random.integer(30) };
      break;
    case 3:
      // not what it says that it is
      fields[at] = { ...field, wire: random.integer(8) };
      break;
    case 4:
      if (field.wire === VARINT) fields[at] = { ...field, content: varint(pick(VARINTS, random)) };
      else fields[at] = withContent(field, text(random));
      break;
    case 5:
      // a length that is wrong
      if (inner) fields[at] = { ...field, content: Buffer.concat([varint(pick(VARINTS, random)), inner]) };
      break;
    default:
      return Buffer.concat([joined(fields.slice(0, at)), insertedOnly(random), joined(fields.slice(at))]);
  }
  return joined(fields);
}

function insertedOnly(random: RandomStream): Buffer {
  return pick(INSERTED, random)(random);
}

function text(random: RandomStream): Buffer {
  const texts = [
    '',
    'x',
    'logits',
    'features',
    't',
    '\ud800',
    'x'.repeat(4000),
    '{"a":',
    '[['.repeat(9000),
    '["a"]',
    'True',
  ];
  return random.integer(4) ? Buffer.from(pick(texts, random)) : Buffer.from([0xff, 0xfe, 0x80]);
}

/** Undefined where it is none, as texts and numbers mostly are. */
function fieldsOf(bytes: Buffer): Field[] | undefined {
  const cursor = new Cursor(bytes);
  const fields: Field[] = [];
  try {
    while (cursor.at < bytes.length) {
      const tag = Number(cursor.varint());
      const [id, wire] = [Math.floor(tag / 8), tag % 8];
      const from = cursor.at;
      if (wire === VARINT) cursor.varint();
      else if (wire === FIXED64) cursor.take(8);
      else if (wire === FIXED32) cursor.take(4);
      else if (wire === DELIMITED) cursor.take(Number(cursor.varint()));
      else return undefined;
      if (id < 1 || id > 50) return undefined;
      fields.push({ id, wire, content: bytes.subarray(from, cursor.at) });
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return fields;
}

function contentOf({ content }: Field): Buffer {
  const cursor = new Cursor(content);
  return cursor.take(Number(cursor.varint()));
}

function withContent(field: Field, bytes: Buffer): Field {
  return { ...field, wire: DELIMITED, content: Buffer.concat([varint(BigInt(bytes.length)), bytes]) };
}

function joined(fields: readonly Field[], at = -1, other?: Field): Buffer {
  const replaced = other ? fields.with(at, other) : fields;
  return Buffer.concat(replaced.flatMap(({ id, wire, content }) => [varint(BigInt(id * 8 + wire)), content]));
}
