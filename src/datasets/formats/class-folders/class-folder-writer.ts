// Writes one folder a class with one file a sample: the image as it came, else as it was encoded, else a PNG. Folders are
// named so that readers that know nothing else give the same labels; `class-file-names.ts` names the files.

import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { classNamesOf, madeWhenNeeded } from '../../class-names.ts';
import type { FileIds } from '../../description.ts';
import { imageStem } from '../../images/image.ts';
import { imageFile } from '../../images/image-file.ts';
import type { Origin } from '../../origin.ts';
import type { Sample } from '../../sample.ts';
import { type PartWriter, unwritable } from '../part-writer.ts';
import { type ClassFile, ClassFileNames } from './class-file-names.ts';
import { NAMES_FILE } from './file-ids.ts';

/** What file systems take, but for a number before it; and what is left of a longer name, in characters of up to four bytes. */
const MAX_CLASS_BYTES = 240;
const SHORT_CLASS_CHARACTERS = 60;

export interface ClassFolderWriter extends PartWriter {
  /** How the files' names say ids, which is known when the first sample is written. */
  readonly ids: FileIds;
}

export interface ClassFolderOptions {
  readonly classes: number;
  readonly classNames?: readonly string[] | undefined;
  readonly isId?: ((id: string) => boolean) | undefined;
}

/**
 * Makes a folder for every class, also for those that stay empty: a reader counts them. Where classes are very many and
 * have no names, those that stay empty get none.
 *
 * @param below folders between that of the class and its images
 */
export async function openClassFolderWriter(
  root: string,
  { classes, classNames, isId }: ClassFolderOptions,
  below = '',
): Promise<ClassFolderWriter> {
  const parts = folderNames(classes, classNames);
  const made = new Set<string>();
  const make = async (folder: string) => {
    if (made.has(folder)) return;
    await mkdir(join(root, folder), { recursive: true });
    made.add(folder);
  };
  if (!madeWhenNeeded(classes, classNames)) for (const part of parts) await make(join(part, below));
  const names = new ClassFileNames({ parts, below, isId });
  let chosen: (ClassFile & { readonly id: string }) | undefined;
  const choose = (sample: Sample, origin: Origin | undefined): ClassFile => {
    if (chosen?.id !== sample.id) chosen = { ...names.choose(sample, origin), id: sample.id };
    return chosen;
  };
  return {
    parts,
    get ids() {
      return names.ids;
    },
    place: (sample, origin) => {
      const { path } = choose(sample, origin);
      return imageStem(path) === sample.id ? undefined : path;
    },
    write: async (sample, origin) => {
      const { path, noted } = choose(sample, origin);
      chosen = undefined;
      const file = join(root, path);
      // wx: a second sample of the same id and label must not replace the first
      await make(dirname(path))
        .then(() => writeFile(file, imageFile(sample, origin).bytes, { flag: 'wx' }))
        .catch((error: Error) => {
          throw unwritable(file, error);
        });
      if (noted !== undefined) await note(join(root, NAMES_FILE), { name: noted, id: sample.id });
    },
    close: () => Promise.resolve(),
  };
}

/** No list of them is kept in memory. */
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
