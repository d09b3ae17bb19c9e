// Reads a whole file that somebody else may have put there: a regular one, in no more bytes than it says that it has.
// What is found out about it is found out on the opened file, so that nothing can change in between, and opening
// waits for nobody, as it would for the writer of a pipe.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

// absent on Windows
const { O_RDONLY, O_NONBLOCK = 0 } = constants;

/** Read of a file that says that it has none. */
const PROBE_BYTES = 4096;

/**
 * @param refuse what to throw for a file of so many bytes, where that is too many
 * @throws {Error} without a code when it is no regular file; what the system says otherwise
 */
export async function readRegularFile(
  path: string,
  refuse: (size: number) => Error | undefined,
): Promise<Buffer> {
  const file = await open(path, O_RDONLY | O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error('not a regular file');
    const refusal = refuse(found.size);
    if (refusal) throw refusal;
    const bytes = Buffer.allocUnsafeSlow(found.size || PROBE_BYTES);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    // those below /proc say so, and never end
    if (length > found.size) throw new Error('bytes in a file that says that it has none');
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}
