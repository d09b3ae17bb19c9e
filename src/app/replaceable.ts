// A file that a command writes takes the place of another one only where that is asked for, as the writers of datasets
// have it. Found before the work begins, of which nothing would be left.

import { statSync } from 'node:fs';
import type { Settings } from '../../config/schema.ts';
import { OutputError, writing } from '../errors.ts';

/**
 * @param option that names the file
 * @throws {OutputError} when something is there that must not be replaced, or nothing can be written there
 */
export function checkReplaceable(
  option: string,
  path: string,
  { overwrite }: Pick<Settings, 'overwrite'>,
): void {
  // a file on the way there is told of now, not after the work
  const found = writing(path, () => statSync(path, { throwIfNoEntry: false }));
  if (!found || (found.isFile() && overwrite)) return;
  const remedy = found.isFile() ? 'choose another one or pass --overwrite' : 'choose another one';
  throw new OutputError(`${option}: expected a new file, found ${path} in use; ${remedy}`);
}
