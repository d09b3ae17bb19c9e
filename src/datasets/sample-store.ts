// Labelled images in one file of fixed-size records, so that memory does not grow with the dataset: the raw
// samples wait here between passes, and trainers draw their batches from here. Nothing of a sample stays in
// memory; ids, which only passes in order need, stand in a file beside it. Calls are synchronous because the
// records come from the page cache in microseconds, much less than a promise through the thread pool costs.

import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ShapeError } from '../errors.ts';
import type { ImageShape, Sample } from './sample.ts';

const LABEL_BYTES = 4;
const WRITE_BYTES = 1 << 20;
const READ_BYTES = 1 << 16;

/** A batch drawn from a store. */
export interface StoredBatch {
  /** uint8 [N, C, H, W] in [0, 255]. */
  readonly pixels: Uint8Array;
  /** int32 [N], class indices. */
  readonly labels: Int32Array;
}

export class SampleStore {
  readonly shape: ImageShape;
  readonly #records: AppendFile;
  readonly #ids: AppendFile;
  readonly #pixelBytes: number;
  #count = 0;

  /**
   * Creates an empty store; an older one of that name is replaced.
   *
   * @param path  the files `path.samples` and `path.ids` are made, with their folder
   * @param shape of every image
   */
  constructor(path: string, shape: ImageShape) {
    mkdirSync(dirname(path), { recursive: true });
    this.shape = shape;
    this.#pixelBytes = shape[0] * shape[1] * shape[2];
    this.#records = new AppendFile(`${path}.samples`);
    this.#ids = new AppendFile(`${path}.ids`);
  }

  /** How many samples were appended. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a sample at the end.
   *
   * @returns its index, by which `read` finds it
   * @throws {ShapeError} when the image has another size than the store
   */
  append(sample: Sample): number {
    if (sample.pixels.length !== this.#pixelBytes) {
      throw new ShapeError(
        `expected images of [${this.shape}] (${this.#pixelBytes} bytes), found ${sample.pixels.length} bytes ` +
          `at sample ${sample.id}; keep images of one size in one store`,
      );
    }
    const label = Buffer.allocUnsafe(LABEL_BYTES);
    label.writeInt32LE(sample.label);
    this.#records.append(label);
    this.#records.append(sample.pixels);
    this.#ids.append(Buffer.from(`${JSON.stringify(sample.id)}\n`));
    return this.#count++;
  }

  /**
   * Images and labels at any indices, in that order; an index may occur more than once.
   *
   * @throws {RangeError} when an index is not in [0, count)
   */
  read(indices: ArrayLike<number>): StoredBatch {
    const size = this.#pixelBytes;
    const pixels = new Uint8Array(indices.length * size);
    const labels = new Int32Array(indices.length);
    const record = Buffer.allocUnsafe(LABEL_BYTES + size);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      if (!(index >= 0 && index < this.#count)) {
        throw new RangeError(`expected an index in [0, ${this.#count}), found ${index}`);
      }
      this.#records.read(record, index * record.length);
      labels[i] = record.readInt32LE(0);
      pixels.set(record.subarray(LABEL_BYTES), i * size);
    }
    return { pixels, labels };
  }

  /** The samples in the order in which they were appended, as many as there are when the first is asked for. */
  *stream(): Generator<Sample> {
    const count = this.#count;
    const ids = this.#ids.lines();
    for (let index = 0; index < count; index++) {
      const { pixels, labels } = this.read([index]);
      const id: string = JSON.parse(ids.next().value!);
      yield { id, label: labels[0]!, pixels, shape: this.shape };
    }
  }

  /** Closes the files and deletes them. */
  dispose(): void {
    this.#records.dispose();
    this.#ids.dispose();
  }
}

/** A file that grows at its end through one buffer and is read anywhere. */
class AppendFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES);
  #buffered = 0;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, 'w+');
  }

  append(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > WRITE_BYTES) this.#flush();
    if (bytes.length > WRITE_BYTES) {
      this.#write(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  /** Fills `target` from byte `position`; what was appended is there, written or not. */
  read(target: Uint8Array, position: number): void {
    this.#flush();
    let done = 0;
    while (done < target.length) {
      const read = readSync(this.#descriptor, target, done, target.length - done, position + done);
      if (read === 0) throw new RangeError(`${this.#path} ends before byte ${position + target.length}`);
      done += read;
    }
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
    this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
  }
}
