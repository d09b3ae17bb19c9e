// Whose database stands in a folder. LevelDB locks a folder and tidies it up as soon as it is opened, so that nothing but a
// state may be: a state has a file that says what it is, which is there before the database. Where there is none, as in
// states of earlier versions, a copy is opened first, and the folder only where that turns out to be a state's.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { StateError } from '../errors.ts';
import { checkFree, holdsDatabase, JSON_VALUE, refusal } from './database.ts';
import { snapshotOf } from './snapshot.ts';

/** Key of what a state says of itself. */
export const META = 'meta';
const FILE = 'dataelixir.json';
const TEXT = '{"dataelixir":"state"}\n';

/**
 * Makes a folder that of a state, unless it is one.
 *
 * @param place where its files are, if that is not the folder, by whose name it is known
 * @throws {StateError} when something else stands there, which is left as it is
 */
export async function claimFolder(folder: string, place = folder): Promise<void> {
  const path = join(place, FILE);
  try {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === TEXT) return;
    // whoever wrote it may have been killed at it
    const begun = text === undefined || TEXT.startsWith(text);
    if (holdsDatabase(place)) await checkCopy(folder, place);
    else if (!(begun && (await isAlone(place)))) checkFree(place, 'a state or an empty folder');
    await mkdir(place, { recursive: true });
    if (begun) await writeFile(path, TEXT);
  } catch (error) {
    throw refusal(folder, error as Error);
  }
}

/** Whether nothing but the file that says what a state is stands in a folder. */
async function isAlone(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.length === 1 && names[0] === FILE;
}

/** @throws {StateError} when the database is not a state's, or is damaged */
async function checkCopy(folder: string, place: string): Promise<void> {
  const copy = await snapshotOf(place);
  const database = new ClassicLevel(copy, { createIfMissing: false });
  try {
    const read = () => database.get<string, { format?: unknown }>(META, JSON_VALUE);
    const meta = await database
      .open()
      .then(read)
      .catch(() => undefined);
    if (typeof meta?.format === 'number') return;
  } finally {
    await database.close();
    await rm(copy, { recursive: true, force: true });
  }
  throw new StateError(
    `expected a state at ${folder}, found the database of another program, or a damaged one; choose another --state`,
  );
}
