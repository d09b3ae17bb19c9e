// Numbers of seven bits a byte, as protocol buffers and Thrift have them, and those that break what reads them.

/** Takes bytes one after the other. @throws {RangeError} beyond their end */
export class Cursor {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  take(length: number): Buffer {
    if (!(length >= 0 && this.at + length <= this.bytes.length)) throw new RangeError(`${length} bytes`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
}

/** As they stand, without the sign that some of them have in their last bit. */
export const VARINTS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 0x7fn, 0x80n, 0xffffn, 2n ** 20n, 2n ** 24n, 2n ** 29n, 2n ** 30n],
  ...[31n, 32n, 53n, 63n, 64n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits]),
  2n ** 77n,
];
