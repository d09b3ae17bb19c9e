// Folders of sources, listed. A listing that is cut short would look like files that are gone, so that what may pass is
// waited for here as well.

import { type Dirent, type Stats, statSync } from 'node:fs';
import { lstat, opendir, readdir, realpath, stat } from 'node:fs/promises';
import { patience } from './patience.ts';

/** What stands in a folder. @throws {Error} when it cannot be listed; {UnreadableError} as `Patience.read` */
export function listFolder(path: string): Promise<Dirent[]> {
  return patience.read(path, () => readdir(path, { withFileTypes: true }));
}

/** The same; nothing where there is no such folder: what can be removed at any moment may be gone. */
export function listIfThere(path: string): Promise<Dirent[]> {
  return listFolder(path).catch(absent([]));
}

/** What a path leads to, through links. @throws {Error} when that is nothing; {UnreadableError} as `Patience.read` */
export function statOf(path: string): Promise<Stats> {
  return patience.read(path, () => stat(path));
}

/** The same; undefined where there is nothing, or a link that leads nowhere. */
export function statIfThere(path: string): Promise<Stats | undefined> {
  return statOf(path).catch(absent(undefined));
}

/** The same at once, for what is asked before any work. */
export function statIfThereNow(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    return absent(undefined)(error as NodeJS.ErrnoException);
  }
}

/** Whether a path is a link, wherever it leads. */
export async function isLink(path: string): Promise<boolean> {
  return (await patience.read(path, () => lstat(path))).isSymbolicLink();
}

/** The path without links. @throws {Error} when it leads nowhere; {UnreadableError} as `Patience.read` */
export function realPathOf(path: string): Promise<string> {
  return patience.read(path, () => realpath(path));
}

/** Entries of a folder up to one that is enough, in the order of the disk: of a million files few are looked at. */
export function entriesUpTo(path: string, isEnough: (entry: Dirent) => boolean): Promise<Dirent[]> {
  return patience.read(path, async () => {
    const found: Dirent[] = [];
    for await (const entry of await opendir(path)) {
      found.push(entry);
      if (isEnough(entry)) break;
    }
    return found;
  });
}

const NOTHING: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ELOOP'];

function absent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (NOTHING.includes(error.code)) return value;
    throw error;
  };
}
