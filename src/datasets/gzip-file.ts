// Compresses a written file in place. A pass of its own after the writing, so that writers know nothing of it.

import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { unwritable } from './part-writer.ts';

/** @throws {DatasetError} when the disk refuses it */
export async function gzipFile(path: string): Promise<void> {
  const compressed = `${path}.gz`;
  try {
    await pipeline(createReadStream(path), createGzip(), createWriteStream(compressed));
    await rename(compressed, path);
  } catch (error) {
    await rm(compressed, { force: true });
    throw unwritable(compressed, error as Error);
  }
}
