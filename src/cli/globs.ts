// Patterns in sources, `data/shard-*.tar`, for configuration files and for shells that leave them alone. What they
// match comes in sorted order, so that a dataset has the same order on every machine.

import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { DatasetError } from '../errors.ts';

/**
 * The files and folders of a source; a path that is there is itself, whatever characters it has.
 *
 * @param source absolute
 * @throws {DatasetError} when a pattern matches nothing
 */
export async function expandSource(source: string): Promise<string[]> {
  let folder = source;
  while (!existsSync(folder)) folder = dirname(folder);
  const pattern = relative(folder, source);
  if (pattern === '' || !isDynamicPattern(pattern)) return [source];
  const found = await glob(pattern, { cwd: folder, onlyFiles: false, expandDirectories: false });
  if (found.length === 0) {
    throw new DatasetError(`expected files that match ${source}, found none; check the pattern`);
  }
  // folders come with a slash at their end
  return found.map((path) => join(folder, path.replace(/\/$/, ''))).sort();
}
