// Sources that others still write to. A file counts as finished when nothing has changed it for some seconds, and is
// left alone before that. Files are asked by name rather than watched by events, which network and bucket mounts do not
// send. Folders behind links are looked into once, as the reader does. NDJSON and tar files that grow at their end may be read at any time, up to
// their last whole sample.

import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { listIfThere, realPathOf, statIfThere } from '../files/folder.ts';
import { printOf, type Quiet } from './quiet.ts';

const GROWING = /\.(tar|ndjson|jsonl)$/;
const SHARD = /\.(tar|tgz|ndjson|jsonl|npz|parquet|bin)(\.gz|\.zst)?$/;
/** Files that are asked at a time. */
const BLOCK = 64;

/** Of names in a folder those of finished files. */
export async function finished(
  folder: string,
  names: readonly string[],
  quiet: Quiet | undefined,
): Promise<readonly string[]> {
  if (quiet === undefined) return names;
  return filtered(names, async (name) => {
    const path = join(folder, name);
    const found = await statIfThere(path);
    return found !== undefined && quiet.isFinished(path, found);
  });
}

/** Of paths those that may be read: folders, finished files, and files that grow at their end. What is gone stays, to be missed. */
export async function readable(
  paths: readonly string[],
  quiet: Quiet | undefined,
): Promise<readonly string[]> {
  if (quiet === undefined) return paths;
  return filtered(paths, async (path) => {
    const found = await statIfThere(path);
    return !found || found.isDirectory() || GROWING.test(path) || quiet.isFinished(path, found);
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
  /** Files of all kinds that must not be read yet. */
  readonly left: number;
  /** Sources that are not there. */
  readonly missing: readonly string[];
  /** Whether all files are finished. */
  readonly settled: boolean;
}

/** Looks through files and folders, at all depths; what is hidden is left out. */
export function scan(sources: readonly string[], quiet: Quiet): Promise<Scan> {
  return quiet.look(async () => {
    const found = new Found(quiet);
    for (const source of sources) await found.look(source);
    return found.scan;
  });
}

/** What a look has found so far. */
class Found {
  readonly #quiet: Quiet;
  readonly #hash = createHash('sha256');
  readonly #shards: string[] = [];
  readonly #unfinished: string[] = [];
  readonly #missing: string[] = [];
  /** Real paths of folders that were looked into. */
  readonly #seen = new Set<string>();
  #count = 0;
  #left = 0;
  #settled = true;

  constructor(quiet: Quiet) {
    this.#quiet = quiet;
  }

  get scan(): Scan {
    return {
      version: this.#hash.digest('hex'),
      count: this.#count,
      shards: this.#shards,
      unfinished: this.#unfinished,
      left: this.#left,
      missing: this.#missing,
      settled: this.#settled,
    };
  }

  async look(source: string): Promise<void> {
    const stats = await statIfThere(source);
    if (stats?.isDirectory()) await this.#lookInto(source, await realPathOf(source));
    else if (stats?.isFile()) this.#note(source, stats);
    else this.#missing.push(source);
  }

  async #lookInto(folder: string, real: string): Promise<void> {
    if (this.#seen.has(real)) return;
    this.#seen.add(real);
    const visible = (await listIfThere(folder)).filter(({ name }) => !name.startsWith('.'));
    const entries = visible.sort((a, b) => (a.name < b.name ? -1 : 1));
    // what stands here itself comes before what links lead to
    for (const { name } of entries.filter((entry) => entry.isDirectory())) {
      await this.#lookInto(join(folder, name), join(real, name));
    }
    const others = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => join(folder, name));
    for (let at = 0; at < others.length; at += BLOCK) {
      const block = others.slice(at, at + BLOCK);
      const stats = await Promise.all(block.map(statIfThere));
      for (const [i, path] of block.entries()) {
        if (stats[i]?.isDirectory()) await this.#follow(path, real);
        else if (stats[i]?.isFile()) this.#note(path, stats[i]);
      }
    }
  }

  /** @param real path of the folder that holds the link, which must not lead back to it */
  async #follow(link: string, real: string): Promise<void> {
    const target = await realPathOf(link);
    if (!join(real, '/').startsWith(join(target, '/'))) await this.#lookInto(link, target);
  }

  #note(path: string, stats: Stats): void {
    const finished = this.#quiet.isFinished(path, stats);
    if (!finished) this.#settled = false;
    if (!finished && !GROWING.test(path)) {
      this.#left += 1;
      if (SHARD.test(path)) this.#unfinished.push(path);
      return;
    }
    this.#hash.update(printOf(path, stats));
    this.#count += 1;
    if (SHARD.test(path)) this.#shards.push(path);
  }
}
