// Labelled images in one file of fixed-size records, so that memory does not grow with the dataset: the raw
// samples wait here between passes, and trainers draw their batches from here. Nothing of a sample stays in
// memory; ids, which only passes in order need, stand in a file beside it, and so does what samples looked like in
// their source, which only the writer needs.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ShapeError, writing } from '../../errors.ts';
import { AppendFile } from '../bytes/append-file.ts';
import type { Origin } from '../origin.ts';
import type { ImageShape, Sample } from '../sample.ts';
import { OriginStore } from './origin-store.ts';

const LABEL_BYTES = 4;

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
  readonly #path: string;
  #origins: OriginStore | undefined;
  readonly #pixelBytes: number;
  readonly #label = Buffer.alloc(LABEL_BYTES);
  /** Records in the file. */
  #appended = 0;
  /** Which of them are left; all where none was withdrawn. */
  #left: number[] | undefined;

  /**
   * Creates an empty store; an older one of that name is replaced.
   *
   * @param path  the files `path.samples` and `path.ids` are made, with their folder
   * @param shape of every image
   */
  constructor(path: string, shape: ImageShape) {
    writing(path, () => mkdirSync(dirname(path), { recursive: true }));
    this.shape = shape;
    this.#path = path;
    this.#pixelBytes = shape[0] * shape[1] * shape[2];
    this.#records = new AppendFile(`${path}.samples`);
    this.#ids = new AppendFile(`${path}.ids`);
  }

  /** How many samples there are. */
  get count(): number {
    return this.#left?.length ?? this.#appended;
  }

  /**
   * Adds a sample at the end.
   *
   * @param origin to give back with it, where it is to be written again
   * @returns its index, by which `read` finds it
   * @throws {ShapeError} when the image has another size than the store
   */
  append(sample: Sample, origin?: Origin): number {
    if (sample.pixels.length !== this.#pixelBytes) {
      throw new ShapeError(
        `expected images of [${this.shape}] (${this.#pixelBytes} bytes), found ${sample.pixels.length} bytes ` +
          `at sample ${sample.id}; keep images of one size in one store`,
      );
    }
    this.#label.writeInt32LE(sample.label);
    this.#records.append(this.#label);
    this.#records.append(sample.pixels);
    this.#ids.append(Buffer.from(`${JSON.stringify(sample.id)}\n`));
    if (origin) {
      this.#origins ??= new OriginStore(this.#path);
      this.#origins.append(this.#appended, origin);
    }
    this.#left?.push(this.#appended);
    this.#appended += 1;
    return this.count - 1;
  }

  /** Takes samples out again; those behind them move up. */
  withdraw(indices: readonly number[]): void {
    if (indices.length === 0) return;
    const gone = new Set(indices);
    const all = this.#left ?? Array.from({ length: this.#appended }, (_, record) => record);
    this.#left = all.filter((_, index) => !gone.has(index));
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
      if (!(index >= 0 && index < this.count)) {
        throw new RangeError(`expected an index in [0, ${this.count}), found ${index}`);
      }
      this.#records.read(record, this.#recordOf(index) * record.length);
      labels[i] = record.readInt32LE(0);
      pixels.set(record.subarray(LABEL_BYTES), i * size);
    }
    return { pixels, labels };
  }

  /** The samples in the order in which they were appended, as many as there are when the first is asked for. */
  *stream(): Generator<Sample> {
    let index = 0;
    for (const id of this.ids()) {
      const { pixels, labels } = this.read([index++]);
      yield { id, label: labels[0]!, pixels, shape: this.shape };
    }
  }

  /** The ids of all samples, in their order. */
  *ids(): Generator<string> {
    const { count } = this;
    const ids = this.#ids.lines();
    for (let index = 0, record = 0; index < count; index++, record++) {
      for (; record < this.#recordOf(index); record++) ids.next();
      yield JSON.parse(ids.next().value!) as string;
    }
  }

  /** What the sample at an index was in its source; undefined where nobody said. */
  origin(index: number): Origin | undefined {
    return this.#origins?.read(this.#recordOf(index));
  }

  #recordOf(index: number): number {
    return this.#left?.[index] ?? index;
  }

  /** Closes the files and deletes them. */
  dispose(): void {
    this.#records.dispose();
    this.#ids.dispose();
    this.#origins?.dispose();
  }
}
