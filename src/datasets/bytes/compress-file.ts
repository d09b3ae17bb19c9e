// Compresses a written file in place. A pass of its own after the writing, so that writers know nothing of it. gzip is
// Node's; Zstandard, which Node has from 22.15 on, is the library itself as WebAssembly, chunk by chunk into one frame.

import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { unwritable } from '../formats/part-writer.ts';

/** As the names of compressed files end. */
export const COMPRESSIONS = ['.gz', '.zst'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** @throws {OutputError} when the disk refuses it */
export async function compressFile(path: string, compression: Compression): Promise<void> {
  const compressed = `${path}${compression}`;
  try {
    const [from, to] = [createReadStream(path), createWriteStream(compressed)];
    if (compression === '.gz') await pipeline(from, createGzip(), to);
    else await alone(() => pipeline(from, zstd, to));
    await rename(compressed, path);
  } catch (error) {
    await rm(compressed, { force: true });
    throw unwritable(compressed, error as Error);
  }
}

async function* zstd(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // loaded here, so that runs that never need it do not carry it
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const library = await Zstd.load();
  library.reset();
  for await (const chunk of chunks) yield library.compressChunk(chunk);
  yield library.compressEnd();
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other: the library has one state for all of a process. */
function alone(work: () => Promise<void>): Promise<void> {
  const mine = last.then(work);
  // whoever waits next does not care how this one ended
  last = mine.catch(() => undefined);
  return mine;
}
