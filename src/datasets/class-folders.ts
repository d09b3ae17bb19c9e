// One folder a class, one image a sample, directly in it or, as in Tiny-ImageNet, in its folder `images`. The classes are interleaved in
// proportion to their sizes, so that any stretch of the stream holds all of them, as windows and online training
// need. Only file names are kept in memory, as bytes.

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetError } from '../errors.ts';
import { damagedEntry, type Entry } from './entry.ts';
import { finished } from './finished.ts';
import { imageStem, isImageName, readImageFile } from './image.ts';

/** The extra level of Tiny-ImageNet: `n01443537/images/n01443537_0.JPEG`. */
export const IMAGES_FOLDER = 'images';

/** Names of the class folders, sorted by code units: the same order on every machine. Hidden ones are left out. */
export async function listClassFolders(root: string): Promise<string[]> {
  const found = await readdir(root, { withFileTypes: true });
  const folders = found.filter((item) => item.isDirectory() && !item.name.startsWith('.'));
  return folders.map((item) => item.name).sort();
}

/**
 * Reads a folder of class folders.
 *
 * @param labels  of the class folders
 * @param idOf of a file by its folder and its name without the image's extension
 * @param quiet others still write: files that changed in the last so many seconds are left out
 * @param lacking whether folders of classes without samples may not be there
 */
export async function* readClassFolders(
  root: string,
  labels: ReadonlyMap<string, number>,
  idOf: (folder: string, stem: string) => string,
  maxPixels: number,
  quiet?: number,
  lacking = false,
): AsyncGenerator<Entry> {
  const queues: Queue[] = [];
  for (const [folder, label] of labels) {
    if (lacking && !existsSync(join(root, folder))) continue;
    const queue = await listFiles(root, folder, label, quiet);
    if (queue.count > 0) queues.push(queue);
  }
  for (let queue = furthestBehind(queues); queue; queue = furthestBehind(queues)) {
    const { folder, label } = queue;
    const name = queue.names.next().value!;
    queue.taken++;
    const source = join(root, folder, name);
    const id = idOf(folder, imageStem(name));
    if (name.endsWith('/')) {
      yield damagedEntry(
        { source, offset: 0 },
        'expected an image file, found a folder; put images directly under it',
      );
    } else {
      yield {
        id,
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
  taken: number;
}

async function listFiles(
  root: string,
  folder: string,
  label: number,
  quiet: number | undefined,
): Promise<Queue> {
  const path = join(root, folder);
  const found = await readdir(path, { withFileTypes: true }).catch((error: Error) => {
    throw new DatasetError(`expected a class folder at ${path}, found: ${error.message}; fetch it again`);
  });
  const deeper = found.some((item) => item.isDirectory() && item.name === IMAGES_FOLDER);
  if (deeper && !found.some((item) => isImageName(item.name))) {
    return listFiles(root, join(folder, IMAGES_FOLDER), label, quiet);
  }
  const visible = found.filter((item) => !item.name.startsWith('.'));
  const folders = visible.filter((item) => item.isDirectory()).map((item) => `${item.name}/`);
  const files = visible.filter((item) => !item.isDirectory()).map((item) => item.name);
  const names = [...folders, ...(await finished(path, files, quiet))].sort();
  return { folder, label, count: names.length, names: unpack(Buffer.from(names.join('\0'))), taken: 0 };
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
