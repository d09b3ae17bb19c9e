// Plain data as a pickle of protocol 2, the one that torch.save writes: only numbers, text, lists and dictionaries, so
// that nothing is called when it is read. Opcodes as in CPython's pickletools.

/** Whole numbers are of 32 bits. */
export type Plain = null | boolean | number | string | readonly Plain[] | ReadonlyMap<Plain, Plain>;

const PROTO_2 = Buffer.from([0x80, 2]);
const STOP = Buffer.from('.');
const MARK = Buffer.from('(');

export function writePickle(value: Plain): Buffer {
  const parts: Buffer[] = [PROTO_2];
  append(parts, value);
  return Buffer.concat([...parts, STOP]);
}

function append(parts: Buffer[], value: Plain): void {
  if (value === null) parts.push(Buffer.from('N'));
  else if (typeof value === 'boolean') parts.push(Buffer.from([value ? 0x88 : 0x89]));
  else if (typeof value === 'number') parts.push(numberOf(value));
  else if (typeof value === 'string') parts.push(textOf(value));
  else if (value instanceof Map) {
    parts.push(Buffer.from('}'), MARK);
    for (const [key, item] of value) {
      append(parts, key);
      append(parts, item);
    }
    parts.push(Buffer.from('u'));
  } else {
    parts.push(Buffer.from(']'), MARK);
    for (const item of value as readonly Plain[]) append(parts, item);
    parts.push(Buffer.from('e'));
  }
}

/** BININT, or BINFLOAT where it is none. */
function numberOf(value: number): Buffer {
  const isInt = Number.isInteger(value) && Math.abs(value) < 2 ** 31;
  const bytes = Buffer.alloc(isInt ? 5 : 9);
  bytes.write(isInt ? 'J' : 'G', 'latin1');
  if (isInt) bytes.writeInt32LE(value, 1);
  else bytes.writeDoubleBE(value, 1);
  return bytes;
}

/** BINUNICODE. */
function textOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.write('X', 'latin1');
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
