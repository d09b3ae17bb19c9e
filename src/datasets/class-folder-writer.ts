// Writes one folder a class with one PNG a sample. Folders are named so that their sorted order is the order of
// the classes, for readers that know nothing else; file names are the escaped ids.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeId } from './description.ts';
import { type PartWriter, unwritable } from './part-writer.ts';
import { encodePng } from './png.ts';
import type { Sample } from './sample.ts';

/** Makes a folder for every class, also for those that stay empty: a reader counts them. */
export async function openClassFolderWriter(
  root: string,
  classes: number,
  classNames: readonly string[] | undefined,
): Promise<PartWriter> {
  const parts = folderNames(classes, classNames);
  for (const part of parts) await mkdir(join(root, part), { recursive: true });
  return {
    parts,
    write: async (sample: Sample) => {
      const path = join(root, parts[sample.label]!, `${escapeId(sample.id, false)}.png`);
      // wx: a second sample of the same id and label must not replace the first
      await writeFile(path, encodePng(sample), { flag: 'wx' }).catch((error: Error) => {
        throw unwritable(path, error);
      });
    },
    close: () => Promise.resolve(),
  };
}

/** The class names where they can be folders and sort as they should, else numbers with the names behind. */
export function folderNames(classes: number, classNames: readonly string[] | undefined): string[] {
  const digits = String(classes - 1).length;
  const safe = classNames?.map((name) => name.replace(/[^\p{L}\p{N} _-]/gu, '_'));
  const asTheyAre = safe?.every(
    (name, i) => name === classNames?.[i] && name !== '' && !name.startsWith('.'),
  );
  const sorted = safe?.every((name, i) => i === 0 || safe[i - 1]! < name);
  if (safe && asTheyAre && sorted) return safe;
  return Array.from({ length: classes }, (_, i) => {
    const number = String(i).padStart(digits, '0');
    return safe?.[i] ? `${number}-${safe[i]}` : number;
  });
}
