// Sources that others still write to. A file counts as finished when nothing has changed it for some seconds, and is
// left alone before that. The inode's change time says so: unlike the modification time nobody can set it, and moving
// a file or copying one with its old times renews it. Files are asked by name rather than watched by events, which
// network and bucket mounts do not send. NDJSON and tar files that grow at their end may be read at any time, up to
// their last whole sample.

import { createHash, type Hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const GROWING = /\.(tar|ndjson|jsonl)$/;
const SHARD = /\.(tar|tgz|ndjson|jsonl|npz|parquet|bin)(\.gz|\.zst)?$/;
/** Files that are asked at a time. */
const BLOCK = 64;

/** Of names in a folder those of finished files. */
export async function finished(
  folder: string,
  names: readonly string[],
  quiet: number | undefined,
): Promise<readonly string[]> {
  if (quiet === undefined) return names;
  return filtered(names, async (name) => {
    const found = await statOf(join(folder, name));
    return found !== undefined && isQuiet(found, quiet);
  });
}

/** Of paths those that may be read: folders, finished files, and files that grow at their end. What is gone stays, to be missed. */
export async function readable(
  paths: readonly string[],
  quiet: number | undefined,
): Promise<readonly string[]> {
  if (quiet === undefined) return paths;
  return filtered(paths, async (path) => {
    const found = await statOf(path);
    return !found || found.isDirectory() || GROWING.test(path) || isQuiet(found, quiet);
  });
}

async function filtered(
  items: readonly string[],
  test: (item: string) => Promise<boolean>,
): Promise<string[]> {
  const kept: string[] = [];
  for (let at = 0; at < items.length; at += BLOCK) {
    const block = items.slice(at, at + BLOCK);
    const passed = await Promise.all(block.map(test));
    kept.push(...block.filter((_, i) => passed[i]));
  }
  return kept;
}

/** What stands in some sources at one moment. */
export interface Scan {
  /** Equal for equal files; it holds no file that must not be read yet. */
  readonly version: string;
  /** Files that may be read. */
  readonly count: number;
  /** Of these, files that hold more than one sample. */
  readonly shards: readonly string[];
  /** Such files that must not be read yet. */
  readonly unfinished: readonly string[];
  /** Sources that are not there. */
  readonly missing: readonly string[];
  /** Whether all files are finished. */
  readonly settled: boolean;
}

/**
 * Looks through files and folders, at all depths; what is hidden is left out.
 *
 * @param quiet seconds without a change that make a file a finished one
 */
export async function scan(sources: readonly string[], quiet: number): Promise<Scan> {
  const hash = createHash('sha256');
  const found: Found = { hash, quiet, count: 0, shards: [], unfinished: [], missing: [], settled: true };
  for (const source of sources) await look(source, found);
  const { hash: _, quiet: __, ...rest } = found;
  return { version: hash.digest('hex'), ...rest };
}

interface Found {
  readonly hash: Hash;
  readonly quiet: number;
  readonly shards: string[];
  readonly unfinished: string[];
  readonly missing: string[];
  count: number;
  settled: boolean;
}

async function look(path: string, found: Found): Promise<void> {
  const stats = await statOf(path);
  if (stats?.isDirectory()) await lookInto(path, found);
  else if (stats?.isFile()) note(path, stats, found);
  else found.missing.push(path);
}

async function lookInto(folder: string, found: Found): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(goneAs<never[]>([]));
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  const names = visible.map(({ name }) => name).sort();
  const folders = new Set(visible.filter((entry) => entry.isDirectory()).map(({ name }) => name));
  for (let at = 0; at < names.length; at += BLOCK) {
    const block = names.slice(at, at + BLOCK);
    const stats = await Promise.all(
      block.map((name) => (folders.has(name) ? undefined : statOf(join(folder, name)))),
    );
    for (const [i, name] of block.entries()) {
      const path = join(folder, name);
      if (folders.has(name)) await lookInto(path, found);
      else if (stats[i]?.isFile()) note(path, stats[i], found);
    }
  }
}

function note(path: string, stats: Stats, found: Found): void {
  const finished = isQuiet(stats, found.quiet);
  if (!finished) found.settled = false;
  if (!finished && !GROWING.test(path)) {
    if (SHARD.test(path)) found.unfinished.push(path);
    return;
  }
  const { size, ino, ctimeMs } = stats;
  found.hash.update(JSON.stringify([path, size, ino, ctimeMs]));
  found.count += 1;
  if (SHARD.test(path)) found.shards.push(path);
}

function isQuiet({ ctimeMs }: Stats, quiet: number): boolean {
  return Date.now() - ctimeMs >= quiet * 1000;
}

function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch(goneAs(undefined));
}

/** What can be removed at any moment may be gone, or a link to nothing. */
function goneAs<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE'].includes(error.code ?? '')) return value;
    throw error;
  };
}
