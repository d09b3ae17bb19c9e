// What will stand at a place: it is written beside it, under a name that nobody else has, and takes its place when it is
// whole and on disk. Meanwhile nobody else of this program writes there. A file is replaced by one rename; for a folder
// it takes two, and what stood there is kept until the other one stands: a later run puts it back if it has to.

import { constants, type Stats } from 'node:fs';
import {
  access,
  chmod,
  copyFile,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { OutputError, unwritten } from '../errors.ts';
import { syncFile, syncFolder, syncTree } from './sync.ts';
import { type Claim, claim, makeFolderBeside, removeWorkFolder } from './work-folder.ts';
import { foreignIn, isMarked, markWritten, removeWritten } from './written.ts';

/** In a claim: what stood at the place. */
const OLD = 'old';

/** What is done for a folder that later runs depend on. */
export interface Lasting {
  /** List its files in it, so that a later run may replace it. */
  readonly listed?: boolean;
  /** Put its files on disk before it gets its name, as a single file always is. */
  readonly synced?: boolean;
}

export class Successor {
  /** The place, without links on the way. */
  readonly target: string;
  /** Where to write what takes it: not there yet. */
  readonly path: string;
  readonly #claim: Claim;
  readonly #replace: boolean;

  private constructor(target: string, claimed: Claim, replace: boolean) {
    this.target = target;
    this.path = join(claimed.folder, 'new', basename(target));
    this.#claim = claimed;
    this.#replace = replace;
  }

  /**
   * Claims a place, and makes the folders on the way to it.
   *
   * @param replace whether an earlier run is known to have written what stands there
   * @throws {OutputError} when another process has it, something stands there that may not be replaced, or the disk
   *                       refuses it
   */
  static async begin(place: string, replace: boolean): Promise<Successor> {
    const target = await realPlace(place);
    try {
      await checkFree(target, replace);
      await mkdir(dirname(target), { recursive: true });
      const claimed = await claim(dirname(target), basename(target), target, (dead) => putBack(dead, target));
      const successor = new Successor(target, claimed, replace);
      // what came since it was looked at, or was put back
      await checkFree(target, replace)
        .then(() => mkdir(dirname(successor.path)))
        .catch((error) => claimed.release().then(() => Promise.reject(error)));
      return successor;
    } catch (error) {
      if (error instanceof OutputError) throw error;
      throw new OutputError(
        `expected to write beside ${place}, found: ${(error as Error).message}; choose another place`,
      );
    }
  }

  /**
   * Puts what was written in its place, with files that stand in it, or beside it under longer names where it is a file.
   *
   * @param more paths of these files by name
   * @throws {OutputError} when something stands there that may not be replaced
   */
  async publish(more: Readonly<Record<string, string>> = {}, lasting: Lasting = {}): Promise<void> {
    const { target, path } = this;
    const isFolder = (await lstat(path)).isDirectory();
    const infix = isFolder ? '/' : '.';
    const beside = Object.keys(more).map((name) => infix + name);
    for (const [name, from] of Object.entries(more)) await move(from, path + infix + name);
    if (isFolder) {
      if (lasting.listed) await markWritten(path);
      if (lasting.synced) await syncTree(path);
    } else {
      for (const ending of ['', ...beside]) await syncFile(path + ending);
      for (const ending of beside) await checkFree(target + ending, this.#replace);
    }
    await checkFree(target, this.#replace);
    await this.#put(isFolder);
    if (!isFolder) for (const ending of beside) await rename(path + ending, target + ending);
    await syncFolder(dirname(target));
  }

  /** Gives the place back, and removes what was not put there. May be called more than once. */
  async release(): Promise<void> {
    await this.#claim.release();
  }

  async #put(isFolder: boolean): Promise<void> {
    const { target, path } = this;
    const stands = await statsOf(target);
    if (!stands || (stands.isFile() && !isFolder)) return rename(path, target);
    if (isFolder) await keepMode(path, target);
    const old = join(this.#claim.folder, OLD);
    await rename(target, old);
    await rename(path, target).catch(async (error: Error) => {
      await rename(old, target).catch(() => keepAside(old, target));
      throw error;
    });
    const gone = stands.isDirectory() ? await isRemoved(old) : await rm(old).then(() => true);
    if (gone) return;
    throw new OutputError(
      `expected nothing but what an earlier run wrote in ${target}, found something new when it was replaced; it is in ` +
        `${await keepAside(old, target)} now`,
    );
  }
}

/** What a run has taken from its place that was killed before it could put its own there. */
async function putBack(dead: string, target: string): Promise<void> {
  const old = join(dead, OLD);
  const stands = await statsOf(old);
  if (!stands) return;
  if (!(await statsOf(target))) await rename(old, target);
  else if (stands.isDirectory() && !(await isRemoved(old))) await keepAside(old, target);
}

/** Removes a folder if nothing is in it that this program did not write. */
async function isRemoved(folder: string): Promise<boolean> {
  if (await isMarked(folder)) return removeWritten(folder);
  return rmdir(folder).then(
    () => true,
    () => false,
  );
}

/**
 * Gives a folder the mode of the one whose place it takes: who may look into it was somebody's decision.
 *
 * @throws {Error} when nothing may be written into that one
 */
export async function keepMode(folder: string, target: string): Promise<void> {
  const stands = await statsOf(target);
  if (!stands?.isDirectory()) return;
  await access(target, constants.W_OK);
  await chmod(folder, stands.mode & 0o7777);
}

/** Also from one disk to another. */
async function move(from: string, to: string): Promise<void> {
  await rename(from, to).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    await copyFile(from, to);
    await rm(from);
  });
}

/** @returns where it is then */
async function keepAside(old: string, target: string): Promise<string> {
  const aside = join(await mkdtemp(`${target}.kept-`), basename(target));
  await rename(old, aside);
  return aside;
}

/**
 * Writes a file beside its place, puts it on disk, and gives it its name: no reader and no crash sees half of it.
 *
 * @param replace whether a file that stands there is replaced, also one that comes while this one is written
 * @throws {OutputError} when something stands there that is not replaced, or the disk refuses it
 */
export async function replaceFile(
  place: string,
  write: (path: string) => Promise<void>,
  replace = true,
): Promise<void> {
  const put = async () => {
    const target = await realPlace(place);
    const stands = await statsOf(target);
    if (stands && !(replace && stands.isFile())) throw inUse(target);
    const folder = await makeFolderBeside(dirname(target), basename(target));
    try {
      const path = join(folder, 'new');
      await write(path);
      await syncFile(path);
      await (replace ? rename(path, target) : nameFirst(path, target));
      await syncFolder(dirname(target));
    } finally {
      await removeWorkFolder(folder);
    }
  };
  await put().catch(unwritten(place));
}

/** The same for bytes that are there. */
export function replaceWith(place: string, content: Uint8Array | string, replace = true): Promise<void> {
  return replaceFile(place, (path) => writeFile(path, content), replace);
}

/** Gives a file a name that nobody has, in one step where the disk knows files of several names. */
async function nameFirst(path: string, target: string): Promise<void> {
  await link(path, target).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST' || (await statsOf(target))) throw inUse(target);
    await rename(path, target);
  });
}

/** @throws {OutputError} when something stands there that may not be replaced */
async function checkFree(target: string, replace: boolean): Promise<void> {
  const found = await statsOf(target);
  if (!found || (found.isFile() && replace)) return;
  if (!found.isDirectory()) throw inUse(target);
  if ((await readdir(target)).length === 0) return;
  if (!replace) throw inUse(target);
  const foreign = await foreignIn(target);
  if (foreign === undefined) return;
  throw new OutputError(
    `expected nothing but what an earlier run wrote in ${target}, found "${foreign}" in it; move that elsewhere, or, if ` +
      'an older version wrote all of it, remove the folder',
  );
}

function inUse(target: string): OutputError {
  return new OutputError(
    `expected a new or empty output, found ${target} in use; remove it or choose another name`,
  );
}

function statsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined);
}

/** Where links lead, so that all who name one place mean the same. */
async function realPlace(place: string): Promise<string> {
  const path = resolve(place);
  const real = (one: string) => realpath(one).catch(() => undefined);
  const folder = (await real(dirname(path))) ?? dirname(path);
  return (await real(path)) ?? join(folder, basename(path));
}
