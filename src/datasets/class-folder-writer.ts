// Writes one folder a class with one file a sample: the image as it came, else a PNG. Folders are named so that
// readers that know nothing else give the same labels; files keep their names where these say their ids, else they
// are named by the escaped ids, shortened where these are too long for file systems.

import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { classNamesOf, madeWhenNeeded } from './class-names.ts';
import { isSafePath } from './description.ts';
import { type FileIds, idOfFile, isFileStem, isShortened, NAMES_FILE, stemOfId } from './file-ids.ts';
import { imageStem } from './image.ts';
import { imageFile, type Origin } from './origin.ts';
import { type PartWriter, unwritable } from './part-writer.ts';
import type { Sample } from './sample.ts';

/** What file systems take, but for a number before it; and what is left of a longer name, in characters of up to four bytes. */
const MAX_CLASS_BYTES = 240;
const SHORT_CLASS_CHARACTERS = 60;

export interface ClassFolderWriter extends PartWriter {
  /** How the files' names say ids, which is known when the first sample is written. */
  readonly ids: FileIds;
}

/**
 * Makes a folder for every class, also for those that stay empty: a reader counts them. Where classes are very many and
 * have no names, those that stay empty get none.
 *
 * @param below folders between that of the class and its images
 */
export async function openClassFolderWriter(
  root: string,
  classes: number,
  classNames: readonly string[] | undefined,
  below = '',
): Promise<ClassFolderWriter> {
  const parts = folderNames(classes, classNames);
  const made = new Set<string>();
  const make = async (part: string) => {
    if (made.has(part)) return;
    await mkdir(join(root, part, below), { recursive: true });
    made.add(part);
  };
  if (!madeWhenNeeded(classes, classNames)) for (const part of parts) await make(part);
  let ids: FileIds | undefined;
  return {
    parts,
    get ids() {
      return ids ?? 'escaped';
    },
    write: async (sample: Sample, origin?: Origin) => {
      ids ??= idsOf(sample, origin);
      const part = parts[sample.label]!;
      const folder = below ? `${part}/${below}` : part;
      const { bytes, extension } = imageFile(sample, origin);
      const name = nameOf(sample.id, folder, extension, ids, origin);
      const path = join(root, folder, name);
      // wx: a second sample of the same id and label must not replace the first
      await make(part)
        .then(() => writeFile(path, bytes, { flag: 'wx' }))
        .catch((error: Error) => {
          throw unwritable(path, error);
        });
      const stem = imageStem(name);
      if (isShortened(stem)) await note(join(root, NAMES_FILE), { name: stem, id: sample.id });
    },
    close: () => Promise.resolve(),
  };
}

/** The same for all samples of a dataset: whether the source's own names say the ids by path. */
function idsOf({ id }: Sample, origin: Origin | undefined): FileIds {
  const { rest } = origin ?? {};
  const named = rest?.format === 'class-folders' && idOfFile('escaped', '', imageStem(rest.name)) !== id;
  return named ? 'paths' : 'escaped';
}

function nameOf(id: string, folder: string, extension: string, ids: FileIds, origin?: Origin): string {
  const { rest, image } = origin ?? {};
  if (rest?.format === 'class-folders') {
    const stem = imageStem(rest.name);
    const kept = idOfFile(ids, folder, stem) === id && isFileStem(stem) && isSafePath(rest.name);
    if (kept) return image ? rest.name : `${stem}.${extension}`;
  }
  return `${stemOfId(ids, id)}.${extension}`;
}

/** Few names are that long, and no list of them is kept in memory. */
function note(path: string, line: object): Promise<void> {
  return appendFile(path, `${JSON.stringify(line)}\n`).catch((error: Error) => {
    throw unwritable(path, error);
  });
}

/** The class names where they can be folders and are read as the same labels, else numbers with the names behind. */
export function folderNames(classes: number, classNames: readonly string[] | undefined): string[] {
  const digits = String(classes - 1).length;
  const safe = classNames?.map((name) => {
    const short = Buffer.byteLength(name) > MAX_CLASS_BYTES ? name.slice(0, SHORT_CLASS_CHARACTERS) : name;
    return short.replace(/[^\p{L}\p{N} ._-]|^\./gu, '_');
  });
  const asTheyAre = safe?.every((name, i) => name === classNames?.[i] && name !== '');
  if (safe && asTheyAre && isSame(classNamesOf(safe), safe)) return safe;
  return Array.from({ length: classes }, (_, i) => {
    const number = String(i).padStart(digits, '0');
    return safe?.[i] ? `${number}-${safe[i]}` : number;
  });
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
