// A state on a medium that cannot be written to: LevelDB begins each time by locking and tidying its folder. So it gets
// another one, with links to what it never changes (its tables, and the values) and copies of the little that it does.
// Nobody can be locked out of such a state; that nobody writes it meanwhile is seen by its files.

import { constants } from 'node:fs';
import { access, copyFile, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inUse, LOCK, refusal } from './database.ts';
import { VALUES } from './value-log.ts';

const TABLE = /\.(ldb|sst)$/;
/** What LevelDB makes anew. */
const OWN = [LOCK, 'LOG', 'LOG.old'];

/** Whether a state could be opened where it stands. */
export async function isWritable(folder: string): Promise<boolean> {
  for (const path of [folder, join(folder, LOCK), join(folder, VALUES)]) {
    const failure = await access(path, constants.W_OK).catch((error: NodeJS.ErrnoException) => error);
    if (failure && failure.code !== 'ENOENT') return false;
  }
  return true;
}

/**
 * Makes a folder in which a state can be opened as it is now, to be read; whoever asked for it removes it.
 *
 * @throws {StateError} when the state changes meanwhile, or cannot be read
 */
export async function snapshotOf(folder: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'dataelixir-snapshot-'));
  try {
    const before = await versionsOf(folder);
    for (const name of before.keys()) {
      if (OWN.includes(name)) continue;
      const [from, to] = [join(resolve(folder), name), join(copy, name)];
      await (TABLE.test(name) || name === VALUES ? symlink(from, to) : copyFile(from, to));
    }
    if (!before.has(VALUES)) await writeFile(join(copy, VALUES), '');
    const after = await versionsOf(folder);
    if ([...after].some(([name, version]) => before.get(name) !== version)) throw inUse(folder);
    return copy;
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw refusal(folder, error as Error);
  }
}

/** The files of a state, each with what changes when it is written to. */
async function versionsOf(folder: string): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  for (const name of await readdir(folder)) {
    const { size, mtimeMs, ino } = await stat(join(folder, name));
    versions.set(name, `${size} ${mtimeMs} ${ino}`);
  }
  return versions;
}
