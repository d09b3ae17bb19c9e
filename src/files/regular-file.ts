// Files of sources, opened for reading. A name may lead to a pipe, a socket or a device instead: to open one is to wait
// for whoever writes to it, for ever and deaf to signals. So only regular files are read, whatever their names say, and in
// no more bytes than they say that they have. All of that is asked of the open file, so that nothing changes in between.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { patience } from './patience.ts';

// a pipe is open at once then, and told by what it is; to regular files it means nothing
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
/** Of a text: enough for the names of a hundred thousand classes. */
const MOST_TEXT_BYTES = 2 ** 26;

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
 * @param denialsPass as `Patience.read` has it
 * @throws {Error} as `openRegular`; what `use` throws
 */
export function withRegular<T>(
  path: string,
  use: (file: FileHandle, size: number) => Promise<T>,
  denialsPass = true,
): Promise<T> {
  const once = async () => {
    const { file, size } = await openOnce(path);
    try {
      return await use(file, size);
    } finally {
      await file.close();
    }
  };
  return patience.read(path, once, denialsPass);
}

/**
 * All bytes of a file.
 *
 * @param refuse what to throw for a file of so many bytes, where it is not to be read
 * @param denialsPass as `Patience.read` has it
 * @throws {Error} as `withRegular`; when there are more bytes than the file said
 */
export function readRegular(
  path: string,
  refuse?: (size: number) => Error | undefined,
  denialsPass = true,
): Promise<Buffer> {
  const read = async (file: FileHandle, size: number) => {
    const refusal = refuse?.(size);
    if (refusal) throw refusal;
    return readWhole(file, size);
  };
  return withRegular(path, read, denialsPass);
}

/** A small file of text in UTF-8, made by anybody. @throws {Error} as `readRegular`, and above so many bytes */
export async function readText(path: string, most = MOST_TEXT_BYTES): Promise<string> {
  const bytes = await readRegular(path, (size) =>
    size > most ? new Error(`${size} bytes, above ${most}`) : undefined,
  );
  return bytes.toString('utf8');
}

/**
 * All bytes of an open file; of one that says that it has none the first is asked for, so that what the disk refuses is
 * still told.
 *
 * @param size that the system told
 * @throws {Error} when there are more: it has grown, or is one of those below /proc, which never end
 */
async function readWhole(file: FileHandle, size: number): Promise<Buffer> {
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
