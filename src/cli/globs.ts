// Patterns in sources, `data/shard-*.tar`, for configuration files and for shells that leave them alone. What they
// match comes in sorted order, so that a dataset has the same order on every machine.

import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import picomatch from 'picomatch';
import { glob, isDynamicPattern } from 'tinyglobby';
import { DatasetError } from '../errors.ts';

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
export function patternOf(source: string): Pattern | undefined {
  let folder = source;
  while (!existsSync(folder)) folder = dirname(folder);
  const pattern = relative(folder, source);
  return pattern !== '' && isDynamicPattern(pattern) ? { folder, pattern } : undefined;
}

/** The files and folders that match now. */
export async function matchesOf({ folder, pattern }: Pattern): Promise<string[]> {
  const found = await glob(pattern, { cwd: folder, onlyFiles: false, expandDirectories: false });
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
 * @throws {DatasetError} when a pattern matches nothing
 */
export async function expandSource(source: string): Promise<string[]> {
  const pattern = patternOf(source);
  if (pattern === undefined) return [source];
  const found = await matchesOf(pattern);
  if (found.length > 0) return found;
  throw new DatasetError(`expected files that match ${source}, found none; check the pattern`);
}
