// Writes NDJSON: a line `{"id":…,"label":…,"image":"<base64 of a PNG>"}` for each sample.

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { type PartWriter, unwritable } from './part-writer.ts';
import { encodePng } from './png.ts';

/** Writes one file. */
export async function openNdjsonWriter(path: string): Promise<PartWriter> {
  const refuse = (error: Error): never => {
    throw unwritable(path, error);
  };
  const file = await open(path, 'w').catch(refuse);
  return {
    parts: [basename(path)],
    write: async (sample) => {
      const image = Buffer.from(encodePng(sample)).toString('base64');
      const line = `${JSON.stringify({ id: sample.id, label: sample.label, image })}\n`;
      await file.writeFile(line).catch(refuse);
    },
    close: () => file.close().catch(refuse),
  };
}
