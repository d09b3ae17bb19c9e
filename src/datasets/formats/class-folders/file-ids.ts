// How the names of files in class folders say ids. Folders of others say them by their paths, `cat/0001`. What this
// project writes keeps such names, and where the folder is that of another class, a file beside `dataset.json` has the id; in
// all other names stands the escaped id. File systems take no more than 255 bytes: of a longer name the beginning stands
// there and a digest of the id, which that file has as well.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DataElixirError, DatasetError } from '../../../errors.ts';
import { readText } from '../../../files/regular-file.ts';
import type { FileIds } from '../../description.ts';
import { escapeId, unescapeId } from '../../description.ts';

/** A line `{"name","id"}` for each name that was shortened, and for each path without an ending that says another id. */
export const NAMES_FILE = 'dataset.names';
const MAX_NAMES_BYTES = 2 ** 28;

/** Bytes of a name without the image's extension. */
const MAX_STEM_BYTES = 250;
const SHORTENED_BYTES = 200;
const DIGEST_DIGITS = 32;
// an escaped id has no such sign
const SHORTENED = new RegExp(`=sha256-[0-9a-f]{${DIGEST_DIGITS}}$`);

/** @param stem the name without the image's extension */
export function idOfFile(ids: FileIds, folder: string, stem: string): string {
  return ids === 'escaped' || stem.startsWith('%') ? unescapeId(stem) : pathId(folder, stem);
}

/** The id of a file in folders of others. */
export function pathId(folder: string, stem: string): string {
  return `${folder}/${stem}`;
}

/** A name that says an id in whatever folder it stands. */
export function stemOfId(ids: FileIds, id: string): string {
  const stem = escapeId(id, false);
  const said =
    ids === 'escaped' || stem.startsWith('%') ? stem : `%${stem.charCodeAt(0).toString(16)}${stem.slice(1)}`;
  if (said.length <= MAX_STEM_BYTES) return said;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, DIGEST_DIGITS);
  return `${said.slice(0, SHORTENED_BYTES).replace(/%.?$/, '')}=sha256-${digest}`;
}

/** Whether a name says its id by a digest. */
export function isShortened(stem: string): boolean {
  return SHORTENED.test(stem);
}

/** Whether a name is short enough for files, and none that stands for another id. */
export function isFileStem(stem: string): boolean {
  return Buffer.byteLength(stem) <= MAX_STEM_BYTES && !isShortened(stem);
}

/**
 * The ids of names that do not say them, in a folder that this project wrote.
 *
 * @throws {DatasetError} when they cannot be read
 */
export async function readNames(folder: string): Promise<ReadonlyMap<string, string>> {
  const path = join(folder, NAMES_FILE);
  const refused = (found: string) =>
    new DatasetError(`expected a line for each name in ${path}, found ${found}; fetch it again`);
  try {
    const lines = (await readText(path, MAX_NAMES_BYTES)).split('\n');
    return new Map(lines.filter((line) => line !== '').map(nameIn));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error instanceof DataElixirError ? error : refused((error as Error).message);
  }
}

function nameIn(line: string): [name: string, id: string] {
  const { name, id } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  if (typeof name === 'string' && typeof id === 'string') return [name, id];
  throw new Error('something else');
}
