// Patterns in sources, `data/shard-*.tar`, for configuration files and for shells that leave them alone. What they
// match comes in sorted order, so that a dataset has the same order on every machine. Links count as what they lead to,
// are followed once, and stay in the result where that is nothing, so that whoever reads it is told.

import type { Dirent, readdir } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import picomatch from 'picomatch';
import { glob, isDynamicPattern } from 'tinyglobby';
import { DatasetError } from '../errors.ts';
import { listIfThere, realPathOf, statIfThere } from '../files/folder.ts';

/** A source that stands for all that matches it. */
export interface Pattern {
  /** That is there, above all matches. */
  readonly folder: string;
  /** From the folder on. */
  readonly pattern: string;
}

/**
 * The pattern that a source is.
 *
 * @param source absolute
 * @returns undefined for a path that is there, whatever characters it has, and for one without a pattern
 */
export async function patternOf(source: string): Promise<Pattern | undefined> {
  let folder = source;
  while (!(await statIfThere(folder)) && folder !== dirname(folder)) folder = dirname(folder);
  const pattern = relative(folder, source);
  return pattern !== '' && isDynamicPattern(pattern) ? { folder, pattern } : undefined;
}

/** The files and folders that match now. @throws {Error} when a folder cannot be listed */
export async function matchesOf({ folder, pattern }: Pattern): Promise<string[]> {
  const listing = new Listing();
  const found = await glob(pattern, {
    cwd: folder,
    onlyFiles: false,
    expandDirectories: false,
    fs: { readdir: listing.readdir as unknown as typeof readdir },
  });
  listing.check();
  // folders come with a slash at their end
  return found.map((path) => join(folder, path.replace(/\/$/, ''))).sort();
}

/** Tells of paths, there or not, whether they match, or lie in a folder that does. */
export function matcherOf({ folder, pattern }: Pattern): (path: string) => boolean {
  // as tinyglobby calls it
  const matches = picomatch(pattern, { posix: true });
  return (path) => {
    const parts = relative(folder, path).split(sep);
    return parts[0] !== '..' && parts.some((_, n) => matches(parts.slice(0, n + 1).join('/')));
  };
}

/**
 * The files and folders of a source; a path that is there is itself, whatever characters it has.
 *
 * @param source absolute
 * @throws {DatasetError} when a pattern matches nothing; {Error} when a folder cannot be listed
 */
export async function expandSource(source: string): Promise<string[]> {
  const pattern = await patternOf(source);
  if (pattern === undefined) return [source];
  const found = await matchesOf(pattern);
  if (found.length > 0) return found;
  throw new DatasetError(`expected files that match ${source}, found none; check the pattern`);
}

/**
 * Lists folders for tinyglobby, which would take one that cannot be listed for an empty one, and a link to a folder for
 * nothing.
 */
class Listing {
  #failure: Error | undefined;

  /** Throws what went wrong. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  readonly readdir = (path: string, _: unknown, done: (error: null, entries: Dirent[]) => void): void => {
    resolved(path).then(
      (entries) => done(null, entries),
      (error: Error) => {
        this.#failure ??= error;
        done(null, []);
      },
    );
  };
}

/** What stands in a folder, links as what they lead to. */
async function resolved(path: string): Promise<Dirent[]> {
  const entries = await listIfThere(path);
  return Promise.all(entries.map((entry) => (entry.isSymbolicLink() ? followed(entry, path) : entry)));
}

/** A link to nothing, or back to a folder that it stands in, is a file, and nobody looks into it. */
async function followed(link: Dirent, folder: string): Promise<Dirent> {
  const path = join(folder, link.name);
  const leadsOn = (await statIfThere(path))?.isDirectory() && !(await leadsBack(path, folder));
  return Object.assign(Object.create(link) as Dirent, {
    isSymbolicLink: () => false,
    isDirectory: () => leadsOn === true,
    isFile: () => leadsOn !== true,
  });
}

/** Whether a link leads to a folder that the path to it has come through. */
async function leadsBack(link: string, folder: string): Promise<boolean> {
  const target = await realPathOf(link);
  for (let at = folder; ; at = dirname(at)) {
    if (join(await realPathOf(at), '/').startsWith(join(target, '/'))) return true;
    if (at === dirname(at)) return false;
  }
}
