// The folder above train/ and test/ is no dataset of two classes of these names: it is named by mistake for one of the two.

import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { DatasetError } from '../errors.ts';
import { listFolder } from '../files/folder.ts';
import { IMAGES_FOLDER } from './class-folder-list.ts';
import { isImageName } from './image.ts';

const NAMES = /^(train(ing)?|test(ing)?|val(id|idation)?|dev)$/i;

/**
 * @param folders with images in them or below
 * @throws {DatasetError} when all of them are named as splits are, and hold folders instead of images
 */
export async function refuseSplits(source: string, folders: readonly string[]): Promise<void> {
  if (folders.length === 0 || !folders.every((name) => NAMES.test(name))) return;
  const inside = await Promise.all(folders.map((name) => listFolder(join(source, name))));
  if (!inside.every(holdsClasses)) return;
  throw new DatasetError(
    `expected a folder for each class in ${source}, found ${folders.join(', ')} with folders in them; ` +
      `name one of them: ${folders.map((name) => join(source, name)).join(' or ')}`,
  );
}

/** Tiny-ImageNet has a folder in each class, too. */
function holdsClasses(entries: readonly Dirent[]): boolean {
  return (
    entries.some((entry) => entry.isDirectory() && entry.name !== IMAGES_FOLDER) &&
    !entries.some((entry) => !entry.isDirectory() && isImageName(entry.name))
  );
}
