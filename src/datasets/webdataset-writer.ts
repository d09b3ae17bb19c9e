// Writes WebDataset shards: for each sample `id.png` and `id.cls` side by side in a tar archive. Owner, mode and
// time of every member are fixed, so that equal samples make equal archives.

import { basename } from 'node:path';
import { type Pack, pack } from 'tar-stream';
import type { ByteSink } from './byte-sink.ts';
import { escapeId } from './description.ts';
import type { PartWriter } from './part-writer.ts';
import { encodePng } from './png.ts';

const FIXED = { mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) };

/** Writes one archive into a file or a stream. */
export function openTarWriter(sink: ByteSink): PartWriter {
  const archive = pack();
  // kept as a value so that a failure waits for the next call instead of being an unhandled rejection
  const written = pump(archive as AsyncIterable<Buffer>, sink).then(
    () => undefined,
    (error: Error) => error,
  );
  const check = (error: Error | undefined) => {
    if (error) throw error;
  };
  return {
    parts: [basename(sink.name)],
    write: async (sample) => {
      const key = escapeId(sample.id, true);
      try {
        await addMember(archive, `${key}.png`, encodePng(sample));
        await addMember(archive, `${key}.cls`, Buffer.from(String(sample.label)));
      } catch (error) {
        archive.destroy();
        check((await written) ?? (error as Error));
      }
    },
    close: async () => {
      archive.finalize();
      check(await written);
    },
  };
}

/** Ending the loop early destroys the archive, which fails the member that waits. */
async function pump(archive: AsyncIterable<Buffer>, sink: ByteSink): Promise<void> {
  for await (const chunk of archive) await sink.write(chunk);
  await sink.close();
}

/** Resolves when the member has left the archive's buffer: that is the back-pressure. */
function addMember(archive: Pack, name: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const member = archive.entry({ ...FIXED, name }, data, (error) => (error ? reject(error) : resolve()));
    member.on('error', reject); // else an error of the disk would end the process
  });
}
