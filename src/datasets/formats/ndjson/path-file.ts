// Files that data name by path. Who makes the data may be somebody else than who purifies them, and must not choose
// freely what is read on this machine and copied into the output: a path counts only where it leads, after all links,
// below a folder that the user allowed.

import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { DataElixirError, SampleError } from '../../../errors.ts';
import { realPathOf, statOf } from '../../../files/folder.ts';
import { mayPass, patience } from '../../../files/patience.ts';

/**
 * The real path of a file.
 *
 * @throws {SampleError} where it may not be read or is not there; {UnreadableError} where that may pass, and
 *                       {ForbiddenError} where the folder that is allowed may not be entered
 */
export type FindFile = (path: string) => Promise<string>;

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
    root ??= realPathOf(allowed);
    const folder = await root.catch((error: NodeJS.ErrnoException) => {
      // another line may have more luck
      root = undefined;
      throw unfound(error);
    });
    const named = resolve(start, path);
    const find = () => realpath(named);
    // elsewhere nothing is waited for: whoever wrote the path could know what is broken there
    const isPatient = isBelow(allowed, named) || isBelow(folder, named);
    const file = await (isPatient ? patience.read(named, find, false) : find()).catch(
      async (error: Error) => {
        // a mount that is away, or denies for a while, says nothing of this path
        if (mayPass(error)) await enter(folder);
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

/** @throws {DataElixirError} when the folder may not be entered at this moment */
async function enter(folder: string): Promise<void> {
  await statOf(`${folder}${sep}.`).catch((error: Error) => {
    throw unfound(error);
  });
}

function isBelow(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function unfound(error: Error): Error {
  if (error instanceof DataElixirError) return error;
  return new SampleError(`expected a readable file, found: ${error.message}; check the path`);
}
