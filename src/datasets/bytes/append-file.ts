// A scratch file that is written at its end and read anywhere at the same time. Calls are synchronous: they cost
// microseconds in the page cache, much less than a promise through the thread pool. Who reads on where the last read
// ended gets his bytes from a block that was read ahead.

import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { writing } from '../../errors.ts';

const WRITE_BYTES = 1 << 18;
const READ_BYTES = 1 << 16;

/** A file that grows at its end through one buffer and is read anywhere. */
export class AppendFile {
  readonly #path: string;
  readonly #descriptor: number;
  #buffer: Buffer | undefined;
  #buffered = 0;
  /** What was read ahead: the bytes of the file from `#aheadFrom` on. */
  #ahead = Buffer.alloc(0);
  #aheadFrom = 0;
  /** Where the last read ended. */
  #readTo = 0;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = writing(path, () => openSync(path, 'w+'));
  }

  append(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > WRITE_BYTES) this.#flush();
    if (bytes.length > WRITE_BYTES) {
      this.#write(bytes);
      return;
    }
    this.#buffer ??= Buffer.allocUnsafe(WRITE_BYTES);
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  /** Fills `target` from byte `position`; what was appended is there, written or not. */
  read(target: Uint8Array, position: number): void {
    if (this.#seek(position, target.length)) target.set(this.#aheadAt(position, target.length));
    else this.#readAll(target, position);
  }

  /** The same `length` bytes as memory that nobody writes to: shared with its neighbours where a block was read ahead. */
  view(length: number, position: number): Buffer {
    if (this.#seek(position, length)) return this.#aheadAt(position, length);
    const bytes = Buffer.allocUnsafe(length);
    this.#readAll(bytes, position);
    return bytes;
  }

  /** Reads ahead where the last read ended. @returns whether the block has all that is wanted */
  #seek(position: number, length: number): boolean {
    const end = position + length;
    if (position === this.#readTo && !this.#hasAhead(position, end)) this.#readAhead(position);
    this.#readTo = end;
    return this.#hasAhead(position, end);
  }

  #hasAhead(position: number, end: number): boolean {
    return position >= this.#aheadFrom && end <= this.#aheadFrom + this.#ahead.length;
  }

  #aheadAt(position: number, length: number): Buffer {
    const from = position - this.#aheadFrom;
    return this.#ahead.subarray(from, from + length);
  }

  /** What is in the file never changes, so that a block stays true. */
  #readAhead(position: number): void {
    const block = Buffer.allocUnsafeSlow(READ_BYTES);
    this.#aheadFrom = position;
    this.#ahead = block.subarray(0, this.#readInto(block, position));
  }

  #readAll(target: Uint8Array, position: number): void {
    if (this.#readInto(target, position) < target.length) {
      throw new RangeError(`${this.#path} ends before byte ${position + target.length}`);
    }
  }

  /** @returns bytes read: fewer than wanted at the end of the file */
  #readInto(target: Uint8Array, position: number): number {
    this.#flush();
    let done = 0;
    while (done < target.length) {
      const read = readSync(this.#descriptor, target, done, target.length - done, position + done);
      if (read === 0) break;
      done += read;
    }
    return done;
  }

  *lines(): Generator<string> {
    this.#flush();
    const end = fstatSync(this.#descriptor).size;
    let rest = Buffer.alloc(0);
    for (let position = 0; position < end; position += READ_BYTES) {
      const block = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position));
      this.read(block, position);
      const text = Buffer.concat([rest, block]);
      let from = 0;
      for (let to = text.indexOf(10); to >= 0; to = text.indexOf(10, from)) {
        yield text.toString('utf8', from, to);
        from = to + 1;
      }
      rest = text.subarray(from);
    }
  }

  dispose(): void {
    closeSync(this.#descriptor);
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    if (this.#buffer) this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(bytes: Uint8Array): void {
    writing(this.#path, () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
    });
  }
}
