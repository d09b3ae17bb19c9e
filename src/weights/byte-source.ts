// A weight file as something to read ranges of: checkpoints hold optimiser states and averages that nobody
// asked for, so only the tensors in use are read. Every range is checked against the file's size first, so
// that a damaged header cannot make the process allocate what the file does not hold.

import type { FileHandle } from 'node:fs/promises';
import { DataElixirError, WeightsError } from '../errors.ts';
import { patience } from '../files/patience.ts';
import { openRegular } from '../files/regular-file.ts';

/** An open file of known size. */
export interface ByteSource {
  /** The path, for error messages. */
  readonly name: string;
  /** Bytes in the file. */
  readonly size: number;
  /**
   * Reads `length` bytes from `position` into memory of their own, aligned for every element type.
   *
   * @throws {WeightsError} when the range ends behind the file's end
   */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The whole file in memory that worker threads can share. */
  readShared(): Promise<SharedArrayBuffer>;
}

/**
 * Opens a file while `use` runs.
 *
 * @throws {WeightsError} when it cannot be opened; {UnreadableError} when that may pass
 */
export async function withFile<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const handle = await openRegular(path).catch((cause: Error) => {
    if (cause instanceof DataElixirError) throw cause;
    throw new WeightsError(
      `expected a weight file at ${path}, found none to read (${cause.message}); check the path`,
      {
        cause,
      },
    );
  });
  try {
    const { size } = await handle.stat();
    return await use({
      name: path,
      size,
      read: async (position, length) => {
        if (position + length > size) throw truncated(path, position, length, size);
        const bytes = new Uint8Array(length);
        await fill(handle, bytes, position, path);
        return bytes;
      },
      readShared: async () => {
        const bytes = new SharedArrayBuffer(size);
        await fill(handle, new Uint8Array(bytes), 0, path);
        return bytes;
      },
    });
  } finally {
    await handle.close();
  }
}

/** A single read call may return less than asked, and at most 2 GiB. */
async function fill(handle: FileHandle, target: Uint8Array, position: number, path: string): Promise<void> {
  let done = 0;
  while (done < target.byteLength) {
    const length = Math.min(target.byteLength - done, 2 ** 30);
    const { bytesRead } = await patience.read(path, () => handle.read(target, done, length, position + done));
    if (bytesRead === 0) throw truncated(path, position, target.byteLength, position + done);
    done += bytesRead;
  }
}

function truncated(path: string, position: number, length: number, size: number): WeightsError {
  return new WeightsError(
    `expected ${length} bytes at offset ${position} of ${path}, found its end at ${size}; ` +
      'the file is truncated or damaged, fetch it again',
  );
}
