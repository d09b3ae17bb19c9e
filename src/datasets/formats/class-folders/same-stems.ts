// Files of a class whose names differ in their ending alone, `0.png` and `0.jpg`. An id says no ending, so that only one
// of them can have the short one. Without anything to remember that is the first by name, the same on every machine. A
// run that remembers ids keeps them: a file that comes later, whatever its ending, takes no other file's id.

import { join } from 'node:path';
import { statIfThere } from '../../../files/folder.ts';
import { imageStem } from '../../images/image.ts';
import { pathId } from './file-ids.ts';

/** Tells of ids whether samples had them in the run before. */
export type KnownIds = (ids: readonly string[]) => Promise<readonly boolean[]>;

/**
 * Names of the files that are called by their whole names, so that the others keep their ids.
 *
 * @param root   of the class folders
 * @param folder that holds the files, from there
 */
export async function calledWhole(
  root: string,
  folder: string,
  names: readonly string[],
  known: KnownIds,
): Promise<ReadonlySet<string>> {
  const whole = new Set<string>();
  for (const [stem, group] of grouped(names)) {
    if (group.length === 1) continue;
    const [isShort, ...isWhole] = await known([stem, ...group].map((name) => pathId(folder, name)));
    const others = group.filter((_, i) => !isWhole[i]);
    const short = isShort && others.length > 1 ? await oldest(join(root, folder), others) : others[0];
    for (const name of group) if (name !== short) whole.add(name);
  }
  return whole;
}

function grouped(names: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const stem = imageStem(name);
    const group = groups.get(stem);
    if (group) group.push(name);
    else groups.set(stem, [name]);
  }
  return groups;
}

/** Of two that are met together for the first time, while the short id is somebody's, it is the older one's. */
async function oldest(folder: string, names: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(
    names.map(async (name) => ({ name, at: (await statIfThere(join(folder, name)))?.ctimeMs ?? 0 })),
  );
  return found.sort((a, b) => a.at - b.at)[0]?.name;
}
