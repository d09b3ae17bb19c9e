// Files and other sources as streams of bytes, decompressed when they begin like gzip or zstd, in bounded memory. A
// gzip file that was cut off gives every byte that it holds before the damage is reported, one with wrong bytes in it
// gives all but the last block of 16 KiB before them, so that readers can use the samples that are whole. Node's own
// stream iterator would discard whatever is buffered when an error comes.

import type { FileHandle } from 'node:fs/promises';
import { createGunzip, type Gunzip, type InflateRaw } from 'node:zlib';
import { DataElixirError, DatasetError, SampleError } from '../../errors.ts';
import { patience } from '../../files/patience.ts';
import { openRegular } from '../../files/regular-file.ts';
import { type ByteSource, peek } from './byte-stream.ts';
import { hasZstdMagic, unzstd } from './zstd.ts';

// deflate expands at most 1032 times: no more than 33 MB from one chunk
const CHUNK_BYTES = 1 << 15;

/**
 * The bytes of a file or stream, decompressed when they are gzip or zstd (recognised by the first bytes, not by a name).
 *
 * @throws {DatasetError} when the file cannot be opened or read
 * @throws {SampleError}  after the last usable byte, when the compressed data are damaged or end too early
 */
export async function* readBytes(source: ByteSource): AsyncGenerator<Buffer, void, undefined> {
  if (typeof source !== 'string') {
    yield* source.plain ? source.bytes : unpacked(source.bytes);
    return;
  }
  const file = await openSource(source);
  try {
    yield* unpacked(chunksOf(file, source));
  } finally {
    await file.close();
  }
}

/** Opens a file of a dataset. @throws {DatasetError} when that is not possible */
export function openSource(path: string): Promise<FileHandle> {
  return openRegular(path).catch((error: Error) => {
    if (error instanceof DataElixirError) throw error;
    throw new DatasetError(`expected a readable file at ${path}, found: ${error.message}; check the path`);
  });
}

/** Decompresses bytes that begin like gzip or zstd, and gives others as they are. */
async function* unpacked(
  chunks: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  const { start, bytes } = await peek(chunks, 4);
  if (start.length >= 2 && start.readUInt16BE() === 0x1f8b) yield* decompress(bytes, createGunzip());
  else if (hasZstdMagic(start)) yield* unzstd(new ByteReader(bytes));
  else yield* bytes;
}

/** The bytes of an open file from `start` up to `end`, or to its end. @throws {DatasetError} when the disk fails */
export async function* chunksOf(
  file: FileHandle,
  path: string,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer, void, undefined> {
  for (let position = start; position < end; ) {
    const size = Math.min(CHUNK_BYTES, end - position);
    const { bytesRead, buffer } = await patience
      .read(path, () => file.read(Buffer.allocUnsafe(size), 0, size, position))
      .catch((error: Error) => {
        if (error instanceof DataElixirError) throw error;
        throw new DatasetError(
          `expected a readable file at ${path}, found: ${error.message}; check the disk`,
        );
      });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Sends bytes through a decompressor of its own, no faster than they are taken.
 *
 * @throws {SampleError} after the last usable byte, when the data are damaged or end too early
 */
export async function* decompress(
  input: AsyncIterable<Buffer>,
  stream: Gunzip | InflateRaw,
): AsyncGenerator<Buffer, void, undefined> {
  const ready: Buffer[] = [];
  const failures: Error[] = [];
  stream.on('data', (chunk: Buffer) => ready.push(chunk));
  stream.on('error', (error) => failures.push(error));
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  try {
    for await (const chunk of input) {
      // the next chunk is written when this one's output was taken: that is the back-pressure;
      // a write that fails is never called back, only the stream closes
      await Promise.race([closed, new Promise<void>((resolve) => stream.write(chunk, () => resolve()))]);
      yield* ready.splice(0);
      if (failures.length > 0) break;
    }
    stream.end();
    await closed;
    yield* ready.splice(0);
  } finally {
    stream.destroy();
  }
  const [failure] = failures;
  if (failure)
    throw new SampleError(`expected whole compressed data, found: ${failure.message}; fetch the file again`);
}

/** Takes pieces of wanted sizes from a source, or from bytes that come in chunks; damage counts as the end of the file, and is kept in `damage`. */
export class ByteReader {
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>;
  #held: Buffer = Buffer.alloc(0);
  #position = 0;
  #damage: string | undefined;

  constructor(source: ByteSource | AsyncGenerator<Buffer, void, undefined>) {
    this.#chunks = typeof source === 'string' || 'bytes' in source ? readBytes(source) : source;
  }

  /** Byte offset, in the decompressed file, of the next byte to be taken. */
  get position(): number {
    return this.#position;
  }

  /** Why the bytes ended before the end of the file, when they did. */
  get damage(): string | undefined {
    return this.#damage;
  }

  /** The next `size` bytes; fewer at the end of the file. The buffer may share memory with its neighbours. */
  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > this.#held.length) {
      missing -= this.#held.length;
      parts.push(this.#held);
      this.#held = Buffer.alloc(0);
      const next = await this.#next();
      if (next === undefined) break;
      this.#held = next;
    }
    const last = this.#held.subarray(0, missing);
    this.#held = this.#held.subarray(last.length);
    const taken = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    this.#position += taken.length;
    return taken;
  }

  /** Reads what is left without keeping it, so that damage after the last sample is noticed; returns its length. */
  async drain(): Promise<number> {
    const from = this.#position;
    while ((await this.take(CHUNK_BYTES)).length > 0);
    return this.#position - from;
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      return (await this.#chunks.next()).value ?? undefined;
    } catch (error) {
      if (!(error instanceof SampleError)) throw error;
      this.#damage = error.message;
      return undefined;
    }
  }
}
