// One folder a class, one image a sample, directly in it, in its folder `images` as in Tiny-ImageNet, or in any folders
// some levels below, as torchvision reads them. The classes are interleaved in
// proportion to their sizes, so that any stretch of the stream holds all of them, as windows and online training
// need. Only file names are kept in memory, as bytes.

import type { Dirent } from 'node:fs';
import { join, posix } from 'node:path';
import { DataElixirError, DatasetError } from '../../../errors.ts';
import { isLink, listFolder, statIfThere } from '../../../files/folder.ts';
import { damagedEntry, type Entry } from '../../entry.ts';
import { finished } from '../../finished.ts';
import { imageStem, isImageName, readImageFile } from '../../images/image.ts';
import type { Quiet } from '../../quiet.ts';
import { DEPTH, FOREIGN, IMAGES_FOLDER } from './class-folder-list.ts';
import { pathId } from './file-ids.ts';
import { calledWhole, type KnownIds } from './same-stems.ts';

export interface ClassFolderOptions {
  /** Others still write: files that are not finished are left out. */
  readonly quiet?: Quiet | undefined;
  /** Where ids are remembered. */
  readonly known?: KnownIds | undefined;
  /** Whether folders of classes without samples may not be there. */
  readonly lacking?: boolean;
}

/**
 * Reads a folder of class folders.
 *
 * @param labels of the class folders
 * @param idOf   of a file by its folder and its name without the image's extension
 */
export async function* readClassFolders(
  root: string,
  labels: ReadonlyMap<string, number>,
  idOf: (folder: string, stem: string) => string,
  maxPixels: number,
  { quiet, known, lacking = false }: ClassFolderOptions = {},
): AsyncGenerator<Entry> {
  const queues: Queue[] = [];
  const above = labels.size === 1;
  for (const [folder, label] of labels) {
    if (lacking && !(await statIfThere(join(root, folder)))) continue;
    const { names, ...queue } = await listFiles(root, folder, label, quiet, above);
    if (names.length === 0) continue;
    const whole = known && (await calledWhole(root, queue.folder, names, known));
    const packed = unpack(Buffer.from(names.join('\0')));
    queues.push({ ...queue, count: names.length, names: packed, whole, taken: 0 });
  }
  for (let queue = furthestBehind(queues); queue; queue = furthestBehind(queues)) {
    const { label, whole } = queue;
    const path = queue.names.next().value!;
    queue.taken++;
    const source = join(root, queue.folder, path);
    const { dir, base: name } = posix.parse(path);
    const folder = dir ? `${queue.folder}/${dir}` : queue.folder;
    const id = whole?.has(path) ? pathId(folder, name) : idOf(folder, imageStem(name));
    if (path.endsWith('/')) {
      yield damagedEntry(
        { source, offset: 0 },
        'expected an image file, found a folder; name the folder of class folders, with images at most ' +
          `${DEPTH} levels below each`,
      );
    } else {
      // an id that its name says by itself stands for one sample, wherever that is
      const byPath = name !== imageStem(name) && id === pathId(folder, imageStem(name));
      yield {
        id,
        ...(byPath && { otherwise: pathId(folder, name) }),
        source,
        offset: 0,
        decode: async (decodeImage) => {
          const image = await readImageFile(source, maxPixels);
          const rest = { format: 'class-folders' as const, folder, name };
          return { label, ...(await decodeImage(image, maxPixels)), origin: { image, rest } };
        },
      };
    }
  }
}

interface Queue {
  readonly folder: string;
  readonly label: number;
  readonly count: number;
  readonly names: Iterator<string>;
  /** Files whose ids are their whole names. */
  readonly whole: ReadonlySet<string> | undefined;
  taken: number;
}

/** @param above a class without images of its own may be the folder of all classes: what is below is not read */
async function listFiles(
  root: string,
  folder: string,
  label: number,
  quiet: Quiet | undefined,
  above: boolean,
): Promise<Pick<Queue, 'folder' | 'label'> & { readonly names: readonly string[] }> {
  const found = await entriesOf(join(root, folder));
  const direct = found.some((item) => !item.isDirectory() && isImageName(item.name));
  const images = !direct && (await hasImagesFolder(join(root, folder), found));
  const path = images ? join(folder, IMAGES_FOLDER) : folder;
  const depth = above && !direct && !images ? 0 : DEPTH;
  return { folder: path, label, names: (await filesBelow(join(root, path), quiet, depth)).sort() };
}

/** Paths of files; those of folders that are too deep end with a slash. Links to folders are not followed. */
async function filesBelow(path: string, quiet: Quiet | undefined, depth: number): Promise<string[]> {
  const visible = (await entriesOf(path)).filter(({ name }) => !name.startsWith('.'));
  const files = visible.filter((item) => !item.isDirectory()).map(({ name }) => name);
  const names = [...(await finished(path, files, quiet))];
  for (const { name } of visible.filter((item) => item.isDirectory() && !FOREIGN.includes(item.name))) {
    const below = depth > 0 ? await filesBelow(join(path, name), quiet, depth - 1) : [''];
    for (const file of below) names.push(`${name}/${file}`);
  }
  return names;
}

async function entriesOf(path: string): Promise<Dirent[]> {
  return listFolder(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error instanceof DataElixirError) throw error;
    // whoever listed the classes has told of links that lead nowhere
    if (await isLink(path).catch(() => false)) return [];
    throw new DatasetError(`expected a class folder at ${path}, found: ${error.message}; fetch it again`);
  });
}

async function hasImagesFolder(path: string, entries: readonly Dirent[]): Promise<boolean> {
  const found = entries.find(({ name }) => name === IMAGES_FOLDER);
  if (!found?.isSymbolicLink()) return found?.isDirectory() ?? false;
  return (await statIfThere(join(path, IMAGES_FOLDER)))?.isDirectory() ?? false;
}

function* unpack(names: Buffer): Generator<string> {
  for (let from = 0; from < names.length; ) {
    const to = names.indexOf(0, from);
    const end = to < 0 ? names.length : to;
    yield names.toString('utf8', from, end);
    from = end + 1;
  }
}

/** The class of which the smallest share was given, undefined when all are through. */
function furthestBehind(queues: readonly Queue[]): Queue | undefined {
  let behind: Queue | undefined;
  let least = 1;
  for (const queue of queues) {
    const share = (queue.taken + 0.5) / queue.count;
    if (queue.taken < queue.count && share < least) {
      behind = queue;
      least = share;
    }
  }
  return behind;
}
