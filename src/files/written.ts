// What this program wrote into a folder, listed in a file of that folder that nobody else makes. Only what is listed is
// ever removed, and a folder without a list is a stranger's. The list is a line of JSON for each folder, so that no more
// than one folder's names are in memory; links are never followed.

import { lstat, open, readdir, realpath, rm, rmdir, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';

/** The list of a folder. */
export const MARK = '.dataelixir.ndjson';
/** First line of every list. */
const HEAD = '{"dataelixir":"written","note":"files that dataelixir wrote here; it removes no others"}\n';

/** Names of what is listed of one folder. A folder among them has a list of its own. */
interface Listed {
  /** From the marked folder on; empty for that itself. */
  readonly folder: string;
  readonly files: readonly string[];
}

/** The text of a list. */
export function formatMark(listed: Iterable<Listed>): string {
  return HEAD + Array.from(listed, lineOf).join('');
}

/** Lists all that is in a folder which this program has just written. */
export async function markWritten(root: string): Promise<void> {
  const file = await open(join(root, MARK), 'wx');
  try {
    await file.writeFile(HEAD);
    for await (const listed of found(root, '')) await file.writeFile(lineOf(listed));
  } finally {
    await file.close();
  }
}

/** Whether a folder has a list. */
export async function isMarked(root: string): Promise<boolean> {
  const file = await open(join(root, MARK)).catch(() => undefined);
  if (!file) return false;
  const start = Buffer.alloc(HEAD.length);
  const { bytesRead } = await file.read(start, 0, start.length, 0).finally(() => file.close());
  return start.toString('utf8', 0, bytesRead) === HEAD;
}

/** What is listed; nothing where there is no list. Lines that name places outside of the folder are passed over. */
export async function* listedIn(root: string): AsyncGenerator<Listed> {
  if (!(await isMarked(root))) return;
  const file = await open(join(root, MARK));
  try {
    for await (const line of file.readLines()) {
      const listed = parseLine(line);
      if (listed) yield listed;
    }
  } finally {
    await file.close();
  }
}

/** Path, from the folder on, of something that is not listed; all is where there is no list. */
export async function foreignIn(root: string): Promise<string | undefined> {
  if (!(await isMarked(root))) return (await readdir(root))[0];
  const folders = new Set<string>();
  for await (const { folder } of listedIn(root)) folders.add(folder);
  for await (const { folder, files } of listedIn(root)) {
    const here = await inside(root, folder);
    if (here === undefined) continue;
    const own = new Set(files);
    for (const entry of await readdir(here, { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (path === MARK || (entry.isDirectory() ? folders.has(path) : own.has(entry.name))) continue;
      const below = entry.isDirectory() && own.has(entry.name) ? await foreignIn(join(here, entry.name)) : '';
      if (below !== undefined) return posix.join(path, below);
    }
  }
  return undefined;
}

/** Removes what is listed, then the list and the folder itself where nothing else is in it. @returns whether that is so */
export async function removeWritten(root: string): Promise<boolean> {
  await removeListed(root);
  const left = await readdir(root).catch(() => []);
  if (left.some((name) => name !== MARK)) return false;
  await rm(join(root, MARK), { force: true });
  await rmdir(root).catch(unlessLeft);
  return true;
}

/** Removes what is listed, but for the list, and folders that nothing else is in. @param stays by path from the folder on */
export async function removeListed(root: string, stays = (_: string) => false): Promise<void> {
  const folders: string[] = [];
  for await (const { folder, files } of listedIn(root)) {
    const here = await inside(root, folder);
    if (here === undefined) continue;
    if (folder !== '') folders.push(here);
    for (const name of files) if (!stays(posix.join(folder, name))) await remove(join(here, name));
  }
  for (const folder of folders.reverse()) await rmdir(folder).catch(unlessLeft);
}

async function remove(path: string): Promise<void> {
  const stats = await lstat(path).catch(unlessLeft);
  if (stats?.isDirectory()) await removeWritten(path);
  else if (stats) await unlink(path).catch(unlessLeft);
}

/** Every folder before those in it; names in one order on all disks. */
async function* found(root: string, folder: string): AsyncGenerator<Listed> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const namesOf = (directories: boolean) =>
    entries.flatMap((entry) => (entry.isDirectory() === directories ? [entry.name] : [])).sort();
  const path = folder === '' ? MARK : undefined;
  yield { folder, files: namesOf(false).filter((name) => name !== path) };
  for (const name of namesOf(true)) yield* found(root, posix.join(folder, name));
}

/** The folder, unless it is gone or reached by a link. */
async function inside(root: string, folder: string): Promise<string | undefined> {
  const path = join(await realpath(root), folder);
  return (await realpath(path).catch(() => undefined)) === path ? path : undefined;
}

function lineOf({ folder, files }: Listed): string {
  return `${JSON.stringify({ folder, files })}\n`;
}

function parseLine(line: string): Listed | undefined {
  const { folder, files } = parsed(line);
  if (typeof folder !== 'string' || !Array.isArray(files)) return undefined;
  const names: unknown[] = [...(folder === '' ? [] : folder.split('/')), ...files];
  const good = names.every(
    (name) => typeof name === 'string' && !['', '.', '..'].includes(name) && !name.includes('/'),
  );
  return good ? { folder, files } : undefined;
}

/** A line that was cut, or that others wrote, says nothing. */
function parsed(line: string): Partial<Record<keyof Listed, unknown>> {
  try {
    return (JSON.parse(line) ?? {}) as Partial<Record<keyof Listed, unknown>>;
  } catch {
    return {};
  }
}

function unlessLeft(error: NodeJS.ErrnoException): undefined {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
}
