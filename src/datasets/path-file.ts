// Files that data name by path. Who makes the data may be somebody else than who purifies them, and must not choose
// freely what is read on this machine and copied into the output: a path counts only where it leads, after all links,
// below a folder that the user allowed.

import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { SampleError, UnreadableError } from '../errors.ts';

/**
 * The real path of a file.
 *
 * @throws {SampleError} where it may not be read or is not there; {UnreadableError} where that may pass
 */
export type FindFile = (path: string) => Promise<string>;

/** What a disk or network says of itself, and not of the path. */
const PASSING = ['EIO', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'EHOSTDOWN', 'ENOMEM'];

/**
 * Finds files that lie below a folder.
 *
 * @param allowed that folder; when absent, no path counts
 * @param start   folder that relative paths start from
 */
export function pathsBelow(allowed: string | undefined, start: string): FindFile {
  let root: Promise<string> | undefined;
  return async (path) => {
    if (allowed === undefined) {
      throw new SampleError(
        'expected the image in the line, found a path, which a stream may not name unasked; ' +
          'set dataset.paths to the folder that paths may lead into',
      );
    }
    root ??= realpath(allowed);
    const [folder, file] = await Promise.all([root, realpath(resolve(start, path))]).catch(
      (error: NodeJS.ErrnoException) => {
        // another line may have more luck
        root = undefined;
        throw unfound(error);
      },
    );
    if (isBelow(folder, file)) return file;
    throw new SampleError(
      `expected a path below ${folder}, found one that leads to ${file}; ` +
        'set dataset.paths to a folder that holds both, if the source may read there',
    );
  };
}

function isBelow(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function unfound({ code, message }: NodeJS.ErrnoException): SampleError {
  const Kind = PASSING.includes(code ?? '') ? UnreadableError : SampleError;
  return new Kind(`expected a readable file, found: ${message}; check the path`);
}
