// Zstandard as a stream, in bounded memory: fzstd decodes the blocks. Frames and blocks are told apart here, because
// a frame's header alone decides how much its decoder allocates, and so that all whole blocks before a damage are
// given. Checksums of frames are passed over, as fzstd does: what the blocks hold has its own. RFC 8878

import { Decompress } from 'fzstd';
import { SampleError } from '../../errors.ts';
import type { Taken } from './byte-stream.ts';

const MAGIC = 0xfd2fb528;
// the limit of zstd's own streams
const MAX_WINDOW_BYTES = 2 ** 27;
const MAX_BLOCK_BYTES = 2 ** 17;
const CHECKSUM_BYTES = 4;

/** Whether a file begins like Zstandard. @param start its first bytes, at least 4 */
export function hasZstdMagic(start: Buffer): boolean {
  return start.length >= 4 && start.readUInt32LE() === MAGIC;
}

/**
 * Decompresses frames up to the end of the file.
 *
 * @throws {SampleError} after the last whole block, when the data are damaged, end too early, or want too much memory
 */
export async function* unzstd(file: Taken): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const magic = await file.take(4);
    if (magic.length === 0) return;
    if (hasZstdMagic(magic)) yield* frame(file, magic);
    else if (magic.length === 4 && magic.readUInt32LE() >>> 4 === 0x184d2a5) await skip(file);
    else throw damaged(`bytes ${magic.toString('hex')} between frames`);
  }
}

/** Passes over a frame that holds something else. */
async function skip(file: Taken): Promise<void> {
  for (let left = (await whole(file, 4)).readUInt32LE(); left > 0; left -= MAX_BLOCK_BYTES) {
    await whole(file, Math.min(left, MAX_BLOCK_BYTES));
  }
}

async function* frame(file: Taken, magic: Buffer): AsyncGenerator<Buffer> {
  const { bytes, checksum } = await readHeader(file);
  let ready: Uint8Array[] = [];
  const decoder = new Decompress((block) => ready.push(block));
  let before = Buffer.concat([magic, bytes]);
  for (let last = false; !last; ) {
    const head = await whole(file, 3);
    const kind = (head[0]! >> 1) & 3;
    const size = head.readUIntLE(0, 3) >> 3;
    last = (head[0]! & 1) === 1;
    if (size > MAX_BLOCK_BYTES) throw damaged(`a block of ${size} bytes`);
    // a block of one repeated byte has only that byte
    const block = await whole(file, kind === 1 ? 1 : size);
    const end = last && checksum ? await whole(file, CHECKSUM_BYTES) : Buffer.alloc(0);
    try {
      decoder.push(Buffer.concat([before, head, block, end]), last);
    } catch (error) {
      throw damaged((error as Error).message);
    }
    before = Buffer.alloc(0);
    for (const { buffer, byteOffset, length } of ready) yield Buffer.from(buffer, byteOffset, length);
    ready = [];
  }
}

/** The header of a frame after its magic. */
async function readHeader(file: Taken): Promise<{ bytes: Buffer; checksum: boolean }> {
  const descriptor = await whole(file, 1);
  const flags = descriptor[0]!;
  const single = (flags & 32) !== 0;
  const windowBytes = single ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  const sizeBytes = flags >> 6 ? 1 << (flags >> 6) : Number(single);
  const rest = await whole(file, windowBytes + dictionaryBytes + sizeBytes);
  if (dictionaryBytes > 0) throw damaged('a dictionary of its own');
  const least = single ? 0 : 2 ** (10 + (rest[0]! >> 3));
  const size = rest.subarray(windowBytes).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  const window = single ? size + (sizeBytes === 2 ? 256 : 0) : least + (least / 8) * (rest[0]! & 7);
  if (window > MAX_WINDOW_BYTES) throw damaged(`a window of ${window} bytes, above ${MAX_WINDOW_BYTES}`);
  return { bytes: Buffer.concat([descriptor, rest]), checksum: (flags & 4) !== 0 };
}

async function whole(file: Taken, size: number): Promise<Buffer> {
  const bytes = await file.take(size);
  if (bytes.length < size) throw damaged('the end of the file');
  return bytes;
}

function damaged(found: string): SampleError {
  return new SampleError(
    `expected whole compressed data, found: ${found}; fetch the file again, or compress it without options`,
  );
}
