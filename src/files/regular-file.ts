// Files of sources, opened for reading. A name may lead to a pipe, a socket or a device instead: to open one is to wait
// for whoever writes to it, for ever and deaf to signals. So only regular files are read, whatever their names say.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { patience } from './patience.ts';

// a pipe is open at once then, and told by what it is; to regular files it means nothing
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file; whoever opened it closes it.
 *
 * @throws {Error} when it is something else, or not there; {UnreadableError} as `Patience.read`
 */
export function openRegular(path: string): Promise<FileHandle> {
  return patience.read(path, async () => (await openOnce(path)).file);
}

/**
 * Opens a regular file for as long as it is used.
 *
 * @param use is called again where it fails for what may pass
 * @throws {Error} as `openRegular`; what `use` throws
 */
export function withRegular<T>(
  path: string,
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  return patience.read(path, async () => {
    const { file, size } = await openOnce(path);
    try {
      return await use(file, size);
    } finally {
      await file.close();
    }
  });
}

/** A whole file of text in UTF-8. @throws {Error} as `withRegular` */
export async function readText(path: string): Promise<string> {
  return (await withRegular(path, readWhole)).toString('utf8');
}

/**
 * All bytes of an open file.
 *
 * @param size that the system told
 * @throws {Error} when there are more by now
 */
export async function readWhole(file: FileHandle, size: number): Promise<Buffer> {
  // one more, so that the end is seen without asking again
  const bytes = Buffer.allocUnsafeSlow(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    length += bytesRead;
    if (length > size) throw new Error(`more than the ${size} bytes that it had`);
    if (bytesRead === 0 || length === size) return bytes.subarray(0, length);
  }
}

async function openOnce(path: string): Promise<{ file: FileHandle; size: number }> {
  const file = await open(path, FLAGS).catch((error: NodeJS.ErrnoException) => {
    // which only a socket or a device without its driver says
    throw error.code === 'ENXIO' ? notRegular() : error;
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw notRegular(found.isDirectory() ? 'a folder' : undefined);
    return { file, size: found.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function notRegular(what = 'a pipe, a socket or a device'): Error {
  return new Error(`not a regular file but ${what}`);
}
