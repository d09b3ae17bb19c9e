// Writes CIFAR binary: a byte for the label and the pixels, channel after channel, sample after sample. Names and
// sizes are not in the file; dataset.json beside it says them.

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { type PartWriter, unwritable } from '../part-writer.ts';

/** Writes one file. */
export async function openCifarBinaryWriter(path: string): Promise<PartWriter> {
  const refuse = (error: Error): never => {
    throw unwritable(path, error);
  };
  const file = await open(path, 'w').catch(refuse);
  return {
    parts: [basename(path)],
    write: async ({ label, pixels }) => {
      await file.writeFile(Buffer.concat([Uint8Array.of(label), pixels])).catch(refuse);
    },
    close: () => file.close().catch(refuse),
  };
}
