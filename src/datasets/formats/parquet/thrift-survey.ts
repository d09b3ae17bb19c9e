// A look at Thrift's compact protocol, in which Parquet's footers and page headers are written, before hyparquet makes
// objects of it: a list of a few bytes may claim millions of elements, for which it makes room at once, and lists in
// lists as often again. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12,
];
const MOST_NESTED = 64;
const MOST_BYTES_32 = 5;
const MOST_BYTES_64 = 10;

/**
 * Walks over one struct.
 *
 * @param most values in it
 * @throws {Error} when it holds more, ends too late, or claims more elements than there are bytes
 */
export function surveyThrift(view: DataView, offset: number, most: number): void {
  new Survey(view, offset, most).struct(0);
}

class Survey {
  readonly #view: DataView;
  #at: number;
  #left: number;

  constructor(view: DataView, offset: number, most: number) {
    this.#view = view;
    this.#at = offset;
    this.#left = most;
  }

  struct(depth: number): void {
    if (depth > MOST_NESTED) throw new Error(`more than ${MOST_NESTED} structs in each other`);
    for (let head = this.#byte(); (head & 15) !== STOP; head = this.#byte()) {
      if (head >> 4 === 0) this.#varint(MOST_BYTES_32);
      this.#value(head & 15, depth);
    }
  }

  #value(type: number, depth: number): void {
    if (--this.#left < 0) throw new Error('more values than such a file has');
    if (type === TRUE || type === FALSE) return;
    if (type === BYTE) this.#skip(1);
    else if (type === I16 || type === I32) this.#varint(MOST_BYTES_32);
    else if (type === I64) this.#varint(MOST_BYTES_64);
    else if (type === DOUBLE) this.#skip(8);
    else if (type === BINARY) this.#skip(this.#varint(MOST_BYTES_32));
    else if (type === LIST) this.#list(depth);
    else if (type === STRUCT) this.struct(depth + 1);
    else throw new Error(`a value of type ${type}`);
  }

  #list(depth: number): void {
    const head = this.#byte();
    const size = head >> 4 === 15 ? this.#varint(MOST_BYTES_32) : head >> 4;
    const type = head & 15;
    // every element takes a byte
    if (!(size >= 0 && this.#at + size <= this.#view.byteLength))
      throw new Error(`a list of ${size} elements`);
    if (depth >= MOST_NESTED) throw new Error(`more than ${MOST_NESTED} lists in each other`);
    for (let i = 0; i < size; i++) this.#value(type === TRUE || type === FALSE ? BYTE : type, depth + 1);
  }

  /** In the arithmetic of 32 bits that hyparquet uses. */
  #varint(mostBytes: number): number {
    let value = 0;
    for (let i = 0; i < mostBytes; i++) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << (7 * i);
      if ((byte & 0x80) === 0) return value;
    }
    throw new Error(`a number of more than ${mostBytes} bytes`);
  }

  #byte(): number {
    this.#skip(1);
    return this.#view.getUint8(this.#at - 1);
  }

  #skip(bytes: number): void {
    if (!(bytes >= 0 && this.#at + bytes <= this.#view.byteLength)) throw new Error('a value beyond its end');
    this.#at += bytes;
  }
}
