// What Parquet says of itself, in Thrift's compact protocol: read into a tree, changed in one place, written again. A tree
// may be written as no reader expects it, since a value's type and a list's size stand apart from what follows.
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

import type { RandomStream } from '../../../src/math/random.ts';
import { mutate, pick } from '../mutate.ts';
import { type Cursor, VARINTS, varint } from './varint.ts';

export interface ThriftField {
  id: number;
  node: ThriftNode;
}

/** One of the four is there, or none for a truth value, which its type says. */
export interface ThriftNode {
  type: number;
  /** As it stands, the sign in the last bit. */
  number?: bigint;
  bytes?: Buffer;
  fields?: ThriftField[];
  items?: ThriftNode[];
  /** Of a list: type of its items, and what it says to have. */
  element?: number;
  size?: number;
}

const [BYTE, DOUBLE, BINARY, LIST, SET, STRUCT] = [3, 7, 8, 9, 10, 12];
const INTEGERS = [4, 5, 6];

export function readStruct(cursor: Cursor): ThriftNode {
  const fields: ThriftField[] = [];
  let id = 0;
  for (let head = cursor.byte(); head !== 0; head = cursor.byte()) {
    id = head >> 4 ? id + (head >> 4) : Number(signed(cursor.varint()));
    fields.push({ id, node: readNode(cursor, head & 15) });
  }
  return { type: STRUCT!, fields };
}

function readNode(cursor: Cursor, type: number): ThriftNode {
  if (INTEGERS.includes(type)) return { type, number: cursor.varint() };
  if (type === BYTE) return { type, bytes: cursor.take(1) };
  if (type === DOUBLE) return { type, bytes: cursor.take(8) };
  if (type === BINARY) return { type, bytes: cursor.take(Number(cursor.varint())) };
  if (type === STRUCT) return readStruct(cursor);
  if (type !== LIST && type !== SET) return { type };
  const head = cursor.byte();
  const size = head >> 4 === 15 ? Number(cursor.varint()) : head >> 4;
  const element = head & 15;
  // in a list truth values take a byte
  const items = Array.from({ length: size }, () => readNode(cursor, element < BYTE! ? BYTE! : element));
  return { type, items, element, size };
}

export function writeNode(node: ThriftNode): Buffer {
  const { type, number, bytes, fields, items, element = 0, size = 0 } = node;
  if (number !== undefined) return varint(number);
  if (bytes) return type === BINARY ? Buffer.concat([varint(BigInt(bytes.length)), bytes]) : bytes;
  if (items) {
    const head =
      size < 15
        ? Buffer.from([(size << 4) | element])
        : Buffer.concat([Buffer.from([0xf0 | element]), varint(BigInt(size))]);
    return Buffer.concat([head, ...items.map(writeNode)]);
  }
  if (!fields) return Buffer.alloc(0);
  let last = 0;
  const parts = fields.flatMap(({ id, node: inner }) => {
    const delta = id - last;
    last = id;
    const short = delta > 0 && delta < 16;
    const head = Buffer.from([((short ? delta : 0) << 4) | inner.type]);
    return [head, short ? Buffer.alloc(0) : varint(unsigned(BigInt(id))), writeNode(inner)];
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

/** Changes one thing somewhere in a tree, in place. */
export function mutateThrift(root: ThriftNode, random: RandomStream, other: Buffer): void {
  const node = pick(nodesOf(root), random);
  if (node.number !== undefined) {
    node.number = pick(
      [...VARINTS, node.number + 1n, node.number + 2n, node.number * 2n, node.number ^ 1n],
      random,
    );
  } else if (node.bytes)
    node.bytes = pick([mutate(node.bytes, random, other), Buffer.alloc(0), ...TEXTS], random);
  else if (node.items) mutateList(node, random);
  else if (node.fields) mutateFields(node.fields, random);
}

const TEXTS = ['label', 'image', 'bytes', 'path', '__proto__', 'constructor', 'x'.repeat(3000)].map((text) =>
  Buffer.from(text),
);

function mutateList(node: ThriftNode, random: RandomStream): void {
  const items = node.items!;
  const at = random.integer(items.length + 1);
  switch (random.integer(4)) {
    case 0:
      items.splice(at, 1);
      node.size = items.length;
      break;
    case 1:
      items.splice(
        at,
        0,
        ...Array.from({ length: pick([1, 2, 300], random) }, () => items[at] ?? { type: 2 }),
      );
      node.size = items.length;
      break;
    case 2:
      node.size = Number(pick(VARINTS, random) & 0x7fffffffn);
      break;
    default:
      node.element = random.integer(14);
  }
}

function mutateFields(fields: ThriftField[], random: RandomStream): void {
  const at = random.integer(fields.length);
  const field = fields[at];
  switch (random.integer(6)) {
    case 0:
    case 1:
      fields.splice(at, 1);
      break;
    case 2:
      if (field) fields.splice(at, 0, field);
      break;
    case 3:
      if (field) field.id = random.integer(20);
      break;
    case 4:
      if (field) field.node = { ...field.node, type: random.integer(14) };
      break;
    default: {
      // lists in lists, or structs in structs, deeper than any stack
      const [head, depth] = [pick([0x19, 0x1c], random), pick([10, 60, 20_000], random)];
      fields.push({ id: 30, node: { type: head & 15, bytes: Buffer.alloc(depth, head) } });
    }
  }
}

function nodesOf(root: ThriftNode): ThriftNode[] {
  const nodes = [root];
  for (const { fields = [], items = [] } of nodes) nodes.push(...fields.map(({ node }) => node), ...items);
  return nodes;
}

function signed(value: bigint): bigint {
  return value & 1n ? -(value >> 1n) - 1n : value >> 1n;
}

function unsigned(value: bigint): bigint {
  return value < 0n ? -2n * value - 1n : 2n * value;
}
