// Which folders of a dataset are classes: those that hold an image, themselves or behind a link. Whatever else stands
// beside them (what an archiver of another system left, an empty folder) would take a label and move all behind it.
// Each folder is read once, by whichever of its names comes first, so that no link makes a circle.

import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { DatasetError, ForbiddenError, UnreadableError } from '../../../errors.ts';
import { entriesUpTo, listFolder, realPathOf, statIfThere } from '../../../files/folder.ts';
import { withRegular } from '../../../files/regular-file.ts';
import { isImageName } from '../../images/image.ts';
import { imageKind } from '../../images/image-kind.ts';

/** The extra level of Tiny-ImageNet: `n01443537/images/n01443537_0.JPEG`. */
export const IMAGES_FOLDER = 'images';

/** What systems put into folders, beside what is hidden. */
export const FOREIGN = ['__MACOSX', 'lost+found', '@eaDir', '$RECYCLE.BIN', 'System Volume Information'];
/** Levels below a class folder that are searched for images. */
export const DEPTH = 3;
/** Files that are no images by their names and are looked into, in a folder that has no others. */
const LOOKED_INTO = 8;
const START_BYTES = 18;
/** Names in a warning. */
const NAMED = 5;
/** A link that leads nowhere led to a file if its name ends like that. */
const FILE_ENDING = /\.[a-z][a-z0-9]{0,4}$/i;

export interface ClassFolders {
  /** Sorted by code units: the same order on every machine. */
  readonly folders: readonly string[];
  /** Of what was passed over, for people. */
  readonly warnings: readonly string[];
}

/**
 * Names of the class folders directly in a folder. Hidden ones are left out.
 *
 * @param growing a run remembers labels: an empty folder is a class that gets its images later, and what links lead to
 *                must be there
 * @throws {DatasetError} when it cannot be told what a name leads to
 */
export async function listClassFolders(root: string, growing = false): Promise<ClassFolders> {
  const found = (await listFolder(root)).filter(
    ({ name }) => !name.startsWith('.') && !FOREIGN.includes(name),
  );
  const real = await realPathOf(root);
  const folders = found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const links = found.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name);
  const seen = new Set([real, ...folders.map((name) => join(real, name))]);
  const [twice, nowhere]: [string[], string[]] = [[], []];
  for (const name of links.sort()) {
    const link = join(root, name);
    const target = await statIfThere(link);
    if (!target) nowhere.push(name);
    if (!target?.isDirectory()) continue;
    const path = await realPathOf(link);
    if (seen.has(path) || join(real, '/').startsWith(join(path, '/'))) twice.push(name);
    else folders.push(name);
    seen.add(path);
  }
  // a class whose images are away keeps its label
  const lost = nowhere.filter((name) => !FILE_ENDING.test(name));
  if (growing && lost.length > 0) throw unlinked(root, lost[0]!);
  const holds = await Promise.all(folders.map((name) => holdsImages(join(root, name), growing)));
  const classes = folders.filter((_, i) => holds[i]);
  const imageless = folders.filter((_, i) => !holds[i]).sort();
  return {
    folders: classes.length > 0 ? [...classes, ...lost].sort() : [],
    warnings: [
      ...warning(imageless, `folders of ${root} without images are no classes`),
      ...warning(twice, `links in ${root} are not followed, what they lead to is read already`),
      ...warning(nowhere, `links in ${root} lead nowhere`),
    ],
  };
}

function unlinked(root: string, name: string): DatasetError {
  return new DatasetError(
    `expected a folder behind the link ${join(root, name)}, found nothing there, and its samples would be taken back; ` +
      'mount what it leads to, or remove it',
  );
}

/** Whether an image stands in a folder or a few levels below. */
async function holdsImages(path: string, growing: boolean, depth = DEPTH): Promise<boolean> {
  const isEnough = (entry: Dirent) => isFile(entry) && isImageName(entry.name) && !entry.name.startsWith('.');
  const found = await entriesUpTo(path, isEnough).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && path.includes('\uFFFD')) throw misnamed(path);
    throw error;
  });
  const visible = found.filter(({ name }) => !name.startsWith('.'));
  if (visible.length === 0) return growing && depth === DEPTH;
  if (visible.some(isEnough)) return true;
  for (const { name } of visible.filter(isFile).slice(0, LOOKED_INTO)) {
    if (await beginsLikeImage(join(path, name))) return true;
  }
  const deeper = visible.filter(
    (entry) => entry.isDirectory() || (isFile(entry) && entry.name === IMAGES_FOLDER),
  );
  for (const { name } of depth > 0 ? deeper : []) {
    if (await holdsImages(join(path, name), growing, depth - 1)) return true;
  }
  return false;
}

async function beginsLikeImage(path: string): Promise<boolean> {
  const read = withRegular(path, (file) => file.read(Buffer.alloc(START_BYTES), 0, START_BYTES, 0));
  return read.then(
    ({ buffer, bytesRead }) => imageKind(buffer.subarray(0, bytesRead)) !== undefined,
    (error: Error) => {
      if (error instanceof UnreadableError) throw error;
      // whoever reads the class is told
      return error instanceof ForbiddenError;
    },
  );
}

/** A link may lead to one. */
function isFile(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

function misnamed(path: string): DatasetError {
  return new DatasetError(
    `expected names of class folders in UTF-8, found ${JSON.stringify(path)} with other bytes; rename it`,
  );
}

/** @param what is so with them */
function warning(names: readonly string[], what: string): string[] {
  if (names.length === 0) return [];
  const more = names.length > NAMED ? `, … (${names.length})` : '';
  return [`${what}: ${names.slice(0, NAMED).join(', ')}${more}`];
}
