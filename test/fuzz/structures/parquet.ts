// Parquet files with another footer, or another header of a page, or other bytes in a page: the rest of the file fits to it,
// so that what reads it comes as far as it can. https://parquet.apache.org/docs/file-format/

import type { RandomStream } from '../../../src/math/random.ts';
import { type Mutation, mutate, pick } from '../mutate.ts';
import { mutateThrift, readStruct, type ThriftNode, writeNode } from './thrift.ts';
import { Cursor } from './varint.ts';

const MAGIC = Buffer.from('PAR1');
/** Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData. */
const FIELD = { groups: 4, columns: 1, chunk: 3, size: 7, page: 9, dictionary: 11 } as const;

export const mutateParquet: Mutation = (bytes, random, other) => {
  const length = bytes.readUInt32LE(bytes.length - 8);
  const footerAt = bytes.length - 8 - length;
  const footer = readStruct(new Cursor(bytes, footerAt));
  let body: Buffer = bytes.subarray(0, footerAt);
  if (random.integer(2)) body = withOtherPage(body, footer, random, other);
  else for (let left = 1 + random.integer(3); left > 0; left--) mutateThrift(footer, random, other);
  const written = writeNode(footer);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(random.integer(16) ? written.length : random.integer(2 ** 20));
  return Buffer.concat([body, written, size, MAGIC]);
};

/** Changes the first page of a column, and what the footer says of places after it. */
function withOtherPage(body: Buffer, footer: ThriftNode, random: RandomStream, other: Buffer): Buffer {
  const chunks = items(at(footer, FIELD.groups)).flatMap((group) =>
    items(at(group, FIELD.columns)).flatMap((column) => at(column, FIELD.chunk) ?? []),
  );
  const chunk = pick(chunks, random);
  const start = numberAt(chunk, FIELD.dictionary) ?? numberAt(chunk, FIELD.page) ?? 0;
  const cursor = new Cursor(body, start);
  const header = readStruct(cursor);
  const end = start + (numberAt(chunk, FIELD.size) ?? 0);
  const isHeader = random.integer(3) > 0;
  if (isHeader) mutateThrift(header, random, other);
  const data = body.subarray(cursor.at, end);
  const page = Buffer.concat([writeNode(header), isHeader ? data : mutate(data, random, other)]);
  const shift = BigInt(page.length - (end - start));
  move(chunk, FIELD.size, shift);
  for (const one of chunks) {
    for (const field of [FIELD.page, FIELD.dictionary]) {
      if ((numberAt(one, field) ?? 0) > start) move(one, field, shift);
    }
  }
  return Buffer.concat([body.subarray(0, start), page, body.subarray(end)]);
}

function at(node: ThriftNode | undefined, id: number): ThriftNode | undefined {
  return node?.fields?.find((field) => field.id === id)?.node;
}

function items(node: ThriftNode | undefined): readonly ThriftNode[] {
  return node?.items ?? [];
}

function numberAt(node: ThriftNode, id: number): number | undefined {
  const number = at(node, id)?.number;
  return number === undefined ? undefined : Number(number / 2n);
}

function move(node: ThriftNode, id: number, by: bigint): void {
  const found = at(node, id);
  if (found?.number !== undefined) found.number += 2n * by;
}
