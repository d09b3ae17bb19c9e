// Folders for what is temporary: under a name that nobody else has, with the process that owns it inside. What a killed
// process left is taken away by a later one, known by the owner in it and by nothing else. A claim is such a folder
// that only one process at a time has beside a file, or in a folder, that it writes.

import {
  chmod,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { OutputError } from '../errors.ts';
import { isOwner, mayLive, type Owner, thisOwner } from './owner.ts';

/** Holds the owner, from the folder's first moment under its name to its last. */
const OWNER = 'owner.json';
/** How the names of claims and of what is written beside a file go on after the name of that; numbers are claims. */
const INFIX = '.dataelixir-';
const NEW = 'new-';

interface Found {
  readonly folder: string;
  /** Undefined where the folder is a stranger's. */
  readonly owner: Owner | undefined;
  /** Of a claim; 0 for other folders. */
  readonly number: number;
}

/**
 * Makes a folder with a new name, and takes away those of the same kind that dead processes left.
 *
 * @param prefix of the name, the same for all of a kind
 */
export async function makeWorkFolder(parent: string, prefix: string): Promise<string> {
  await removeDead(parent, prefix);
  return ownFolder(parent, prefix);
}

async function removeDead(parent: string, prefix: string): Promise<void> {
  for (const found of await workFolders(parent, prefix)) {
    if (isDead(found) && (await isMine(found.folder)))
      await removeWorkFolder(found.folder).catch(() => undefined);
  }
}

/** The same beside a file or folder, for what is to take its place. */
export function makeFolderBeside(parent: string, name: string): Promise<string> {
  return makeWorkFolder(parent, `.${name}${INFIX}${NEW}`);
}

/** Takes away what dead processes left of such folders, where nothing new is to take the place any more. */
export function removeDeadBeside(parent: string, name: string): Promise<void> {
  return removeDead(parent, `.${name}${INFIX}${NEW}`);
}

/** Takes away a folder with all that is in it, the owner last, so that one who is killed meanwhile leaves it known. */
export async function removeWorkFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(unlessGone)) {
    if (name !== OWNER) await rm(join(folder, name), { recursive: true, force: true });
  }
  await unlink(join(folder, OWNER)).catch(unlessGone);
  // another process may have made it anew meanwhile
  await rmdir(folder).catch(unlessGone);
}

/** What one process at a time has. */
export interface Claim {
  /** For what is temporary. */
  readonly folder: string;
  /** Removes the folder; not more than once, however often it is called. */
  release(): Promise<void>;
}

/**
 * Claims what is called `name` in a folder. A claim appears with its owner in it, under the next free number: of two
 * that come at once one gets it, and who has one looks again, so that no claim of another is ever taken over.
 *
 * @param what    in messages
 * @param salvage is asked to save what a dead owner's claim holds that is still of use, before it is removed
 * @throws {OutputError} when another process has it
 */
export async function claim(
  parent: string,
  name: string,
  what: string,
  salvage: (folder: string) => Promise<void> = async () => undefined,
): Promise<Claim> {
  const prefix = `.${name}${INFIX}`;
  const fresh = await ownFolder(parent, prefix + NEW);
  // others must be able to ask for its owner
  await chmod(fresh, 0o711);
  let folder = fresh;
  const refuseOthers = async () => {
    const found = (await workFolders(parent, prefix)).filter((one) => one.number > 0);
    const holder = found.find((one) => one.owner && one.folder !== folder && !isDead(one));
    if (holder) throw heldBy(holder, what);
    return Math.max(0, ...found.map((one) => one.number));
  };
  try {
    while (folder === fresh) {
      const next = join(parent, `${prefix}${(await refuseOthers()) + 1}`);
      if (await tookName(fresh, next)) folder = next;
    }
    await refuseOthers();
    for (const found of await workFolders(parent, prefix)) {
      if (!isDead(found)) continue;
      await salvage(found.folder);
      // it is in nobody's way where it may not be removed
      await removeWorkFolder(found.folder).catch(() => undefined);
    }
  } catch (error) {
    await removeWorkFolder(folder);
    throw error;
  }
  const claimed = folder;
  let held = true;
  const release = async () => {
    // the next one to claim may get the same name
    if (!held) return;
    held = false;
    await removeWorkFolder(claimed);
  };
  return { folder: claimed, release };
}

/** Whether a name in a folder is that of a claim or of what is written beside a file. */
export function isWorkName(name: string): boolean {
  return name.startsWith('.') && name.includes(INFIX);
}

async function ownFolder(parent: string, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(parent, prefix));
  const path = join(folder, OWNER);
  await writeFile(path, `${JSON.stringify({ dataelixir: 'work', ...thisOwner() })}\n`);
  // whoever may look into the folder can tell whose it is
  await chmod(path, 0o644);
  return folder;
}

async function workFolders(parent: string, prefix: string): Promise<Found[]> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  return Promise.all(
    names.map(async (name) => {
      const folder = join(parent, name);
      const number = /^\d{1,15}$/.test(name.slice(prefix.length)) ? Number(name.slice(prefix.length)) : 0;
      return { folder, number, owner: await ownerOf(folder) };
    }),
  );
}

async function ownerOf(folder: string): Promise<Owner | undefined> {
  try {
    const value = JSON.parse(await readFile(join(folder, OWNER), 'utf8')) as { dataelixir?: unknown };
    return value.dataelixir === 'work' && isOwner(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDead({ owner }: Found): boolean {
  return owner !== undefined && !mayLive(owner);
}

/** Folders for temporary files are shared with others, who may lay traps. */
async function isMine(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === (process.getuid?.() ?? found.uid);
}

/** @returns false where another has that name meanwhile */
async function tookName(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code)))
      return false;
    throw error;
  }
}

function heldBy({ folder, owner }: Found, what: string): OutputError {
  const { pid, host, since } = owner!;
  return new OutputError(
    `expected that nobody else writes ${what}, found process ${pid} on ${host} at work on it since ${since}; wait for ` +
      `its end, choose another name, or, if that process is gone for sure, remove ${folder}`,
  );
}

function unlessGone(error: NodeJS.ErrnoException): never[] {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
  return [];
}
