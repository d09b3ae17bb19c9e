// What a machine that loses power still has. A file is on disk when it was synced, its name when its folder was; what
// depends on either waits for both. Whoever wrote a file closes it first: any descriptor syncs the whole file.

import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files that are synced at a time: the disk takes what comes together in one go. */
const AT_ONCE = 16;

/** Not all systems and mounts have a way to sync a folder, and streams have nothing to sync. */
const IMPOSSIBLE: readonly unknown[] = ['EINVAL', 'EISDIR', 'EPERM', 'EACCES', 'ENOTSUP', 'EBADF', 'EROFS'];

/** Puts a file on disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path);
  await file.sync().finally(() => file.close());
}

/** Puts the names of a folder on disk, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  await syncFile(path).catch(unlessImpossible);
}

/** The same at once. */
export function syncFolderNow(path: string): void {
  try {
    syncNow(path);
  } catch (error) {
    unlessImpossible(error as Error);
  }
}

/** Puts a file on disk at once. */
export function syncNow(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Puts on disk what a stream has written, where that is a file. */
export function syncStream(stream: object): void {
  if (!('fd' in stream) || typeof stream.fd !== 'number') return;
  try {
    fsyncSync(stream.fd);
  } catch (error) {
    unlessImpossible(error as Error);
  }
}

/** Puts a folder with all that is in it on disk. */
export async function syncTree(folder: string): Promise<void> {
  const found = await readdir(folder, { withFileTypes: true });
  const files = found.filter((entry) => !entry.isDirectory()).values();
  const some = async () => {
    for (const { name } of files) await syncFile(join(folder, name));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  for (const entry of found) if (entry.isDirectory()) await syncTree(join(folder, entry.name));
  await syncFolder(folder);
}

function unlessImpossible(error: Error): void {
  if (!IMPOSSIBLE.includes((error as NodeJS.ErrnoException).code)) throw error;
}
