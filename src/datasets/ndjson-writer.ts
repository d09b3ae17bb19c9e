// Writes NDJSON: a line `{"id":…,"label":…,"image":"<base64 of a PNG>"}` for each sample.

import { basename } from 'node:path';
import type { ByteSink } from './byte-sink.ts';
import type { PartWriter } from './part-writer.ts';
import { encodePng } from './png.ts';

/** Writes one file or stream. */
export function openNdjsonWriter(sink: ByteSink): PartWriter {
  return {
    parts: [basename(sink.name)],
    write: async (sample) => {
      const image = Buffer.from(encodePng(sample)).toString('base64');
      await sink.write(`${JSON.stringify({ id: sample.id, label: sample.label, image })}\n`);
    },
    close: () => sink.close(),
  };
}
