// Small text files that stand beside data and weights and were made by somebody else: what their size or kind shows to be
// something different is not read.

import { open } from 'node:fs/promises';

/** Enough for the names of a hundred thousand classes. */
const MOST_BYTES = 2 ** 26;

/**
 * The text of a file.
 *
 * @throws {Error} when it cannot be read, is no regular file, or holds more than `most` bytes
 */
export async function readTextFile(path: string, most = MOST_BYTES): Promise<string> {
  const file = await open(path);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error('no regular file');
    if (status.size > most) throw new Error(`${status.size} bytes, above ${most}`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
