// What the writer of one format provides to `writer.ts`, and how formats that keep many samples in a file are
// spread over several.

import { join } from 'node:path';
import { OutputError } from '../../errors.ts';
import type { Origin } from '../origin.ts';
import type { Sample } from '../sample.ts';

/** Writes samples into files or folders; `parts` names them, and grows while it writes. */
export interface PartWriter {
  readonly parts: readonly string[];
  /**
   * Chooses the file of the sample that is written next, which has one of its own.
   *
   * @returns its path from the folder of the dataset; undefined where the id says it
   */
  place?(sample: Sample, origin?: Origin): string | undefined;
  /** @param origin with the image only where that is still the sample's */
  write(sample: Sample, origin?: Origin): Promise<void>;
  close(): Promise<void>;
}

/**
 * Writes `name-000000.tar` and so on in a folder.
 *
 * @param extension       of the files, with its dot
 * @param samplesPerShard a new file is begun after so many
 * @param open            begins one file
 */
export function openShardWriter(
  root: string,
  name: string,
  extension: string,
  samplesPerShard: number,
  open: (path: string) => PartWriter | Promise<PartWriter>,
): PartWriter {
  const parts: string[] = [];
  let shard: PartWriter | undefined;
  let left = 0;
  return {
    parts,
    write: async (sample, origin) => {
      if (left === 0 || !shard) {
        await shard?.close();
        parts.push(`${name}-${String(parts.length).padStart(6, '0')}${extension}`);
        shard = await open(join(root, parts.at(-1)!));
        left = samplesPerShard;
      }
      left--;
      await shard.write(sample, origin);
    },
    close: async () => {
      await shard?.close();
    },
  };
}

/** The error of a file that the disk does not take. */
export function unwritable(path: string, cause: Error): Error {
  return OutputError.of(path, cause);
}
