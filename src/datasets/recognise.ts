// Finds out what a source holds: from its description, its folders, or its first (decompressed) bytes, so that
// nobody has to name a format. The result lists the files to read, in order, and what their surroundings tell
// about classes.

import { basename, dirname, join } from 'node:path';
import { DataElixirError, DatasetError } from '../errors.ts';
import { listFolder, statOf } from '../files/folder.ts';
import { readText } from '../files/regular-file.ts';
import { ByteReader } from './bytes/byte-reader.ts';
import { readDescription } from './description.ts';
import { readable } from './finished.ts';
import { attackFolder } from './formats/backdoorbench/backdoorbench-reader.ts';
import { IMAGES_FOLDER, listClassFolders } from './formats/class-folders/class-folder-list.ts';
import { listTarClasses } from './formats/class-folders/class-folder-tar.ts';
import { readNames } from './formats/class-folders/file-ids.ts';
import { npzWarning } from './formats/npz/npz-reader.ts';
import { parquetClassNames } from './formats/parquet/parquet-reader.ts';
import { SHAPE_CLASSES } from './formats/shapes/drawn-shapes.ts';
import { INPUT_FORMATS, SHAPES } from './formats.ts';
import { isImageName } from './images/image.ts';
import type { Quiet } from './quiet.ts';
import { namesOfFiles } from './readings.ts';
import type { DatasetFormat, Reading, Recognised } from './recognised.ts';
import { areSplits, chooseSplit, type Split } from './splits.ts';

// files of which a folder may hold several, by their names; an archive may be WebDataset or class folders
const FILES_IN_FOLDERS: readonly (readonly [RegExp, DatasetFormat | 'tar'])[] = [
  [/\.(tar(\.gz|\.zst)?|tgz)$/, 'tar'],
  [/\.(ndjson|jsonl)(\.gz|\.zst)?$/, 'ndjson'],
  [/\.npz$/, 'npz'],
  [/\.parquet$/, 'parquet'],
];

const MOST_NAMES_BYTES = 2 ** 20;

/** So many (decompressed) bytes tell what a file holds. */
export const START_BYTES = 512;

export interface RecogniseOptions {
  /** Taken as it is when given. */
  readonly format?: DatasetFormat | undefined;
  /** Others still write: files of a folder that are not finished are left out, but for those that grow at their end. */
  readonly quiet?: Quiet | undefined;
  /** Whether a run remembers labels, as `listClassFolders` has it. */
  readonly growing?: boolean | undefined;
  /** Of a folder that holds several, in the order in which they are preferred; train when absent. */
  readonly splits?: readonly Split[];
  /** Decides where a folder can be read in more than one way; the first one is taken when absent. */
  readonly choose?: (source: string, readings: readonly Reading[]) => Promise<Recognised>;
}

/**
 * Recognises one source.
 *
 * @param source a file, a folder, or `shapes:…`
 * @throws {DatasetError} when there is nothing or nothing known
 */
export async function recognise(source: string, options: RecogniseOptions = {}): Promise<Recognised> {
  const { format } = options;
  if (format === 'shapes' || source.startsWith(SHAPES)) {
    return { format: 'shapes', files: [source], classNames: SHAPE_CLASSES };
  }
  const found = await statOf(source).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof DataElixirError) throw error;
    throw new DatasetError(
      `expected a dataset at ${source}, found ${error.code ?? error.message}; check the path`,
    );
  });
  if (found.isDirectory()) return recogniseFolder(source, options);
  return recogniseFiles([source], dirname(source), format ?? (await recogniseFile(source)));
}

/** Name of a dataset or a shard: the file's, without folders and without everything from the first dot. */
export function stemOf(source: string): string {
  return basename(source).replace(/(?<=.)\..*$/, '');
}

async function recogniseFolder(source: string, options: RecogniseOptions): Promise<Recognised> {
  const { format, quiet, growing, choose, splits } = options;
  const description = await readDescription(source);
  if (description) {
    const { classNames, parts } = description;
    const layout = description.format === 'tiny-imagenet' ? 'class-folders' : description.format;
    const known = { format: layout, description, ...(classNames && { classNames }) };
    if (layout === 'class-folders') {
      return { ...known, files: [source], folders: parts, notedIds: await readNames(source) };
    }
    if (layout === 'backdoorbench') return { ...known, files: [source] };
    return { ...known, files: parts.map((part) => join(source, part)) };
  }
  const result = format === undefined || format === 'backdoorbench' ? attackFolder(source) : undefined;
  if (result) return { format: 'backdoorbench', files: [result] };
  if (format === 'backdoorbench') {
    throw new DatasetError(`expected the folder bd_train_dataset in ${source}, found none; check the path`);
  }
  const names = (await listFolder(source)).map(({ name }) => name).sort();
  const { folders, warnings } = await listClassFolders(source, growing);
  if (areSplits(folders) && (await haveClasses(source, folders))) {
    return recogniseSplit(source, folders, options);
  }
  const readings: Reading[] = [];
  for (const [pattern, kind] of FILES_IN_FOLDERS) {
    const found = names.filter((name) => pattern.test(name)).map((name) => join(source, name));
    const files = await readable(found, quiet);
    const archived =
      kind === 'tar' && (format === 'webdataset' || (format === 'class-folders' && folders.length === 0));
    const meant = format === undefined || format === kind || archived;
    if (files.length === 0 || !meant) continue;
    const read = async () => {
      const chosen = chooseSplit(source, files, splits);
      return withWarnings(await recogniseFiles(chosen.names, source, format ?? kind), chosen.warnings);
    };
    readings.push({ what: namesOfFiles(files), recognise: read });
  }
  const onlyImages = folders.length === 1 && folders[0] === IMAGES_FOLDER;
  if (onlyImages && readings.length === 0) {
    throw new DatasetError(
      `expected a folder for each class in ${source}, found only ${IMAGES_FOLDER}; sort its images into classes`,
    );
  }
  if (folders.length > 0 && !onlyImages && (format === undefined || format === 'class-folders')) {
    const found: Recognised = { format: 'class-folders', files: [source], folders, warnings };
    readings.push({ what: `class folders (${namesOfFiles(folders)})`, recognise: async () => found });
  }
  const [first] = readings;
  if (first && (readings.length === 1 || !choose)) return first.recognise();
  if (choose && readings.length > 1) return choose(source, readings);
  const inner = folders.length === 0 ? await folderOfFiles(source) : undefined;
  if (inner !== undefined) return recogniseFolder(inner, options);
  throw new DatasetError(
    `expected ${format ?? 'class folders, files such as .tar or .ndjson, or dataset.json'} in ${source}, found ` +
      `${names.length} other files; name the file itself for IDX and CIFAR`,
  );
}

/** Whether folders hold no images themselves, and one of them classes; others may hold what is not sorted into any. */
async function haveClasses(source: string, folders: readonly string[]): Promise<boolean> {
  let have = false;
  for (const folder of folders) {
    const path = join(source, folder);
    if ((await listFolder(path)).some(({ name }) => isImageName(name))) return false;
    const { folders: classes } = await listClassFolders(path);
    have ||= classes.some((name) => name !== IMAGES_FOLDER);
  }
  return have;
}

/** One of the folders that splits are kept in. */
async function recogniseSplit(
  source: string,
  folders: readonly string[],
  options: RecogniseOptions,
): Promise<Recognised> {
  const { names, warnings } = chooseSplit(source, folders, options.splits);
  const [folder, other] = names as [string, string?];
  if (other !== undefined) {
    throw new DatasetError(
      `expected one folder a split in ${source}, found ${folder} and ${other}; name the one that is meant`,
    );
  }
  return withWarnings(await recogniseFolder(join(source, folder), options), warnings);
}

/** The one folder in a folder, where it holds files of several samples, as `data` does on the Hugging Face hub. */
async function folderOfFiles(source: string): Promise<string | undefined> {
  const found = (await listFolder(source)).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.'),
  );
  const [only, other] = found;
  if (!only || other) return undefined;
  const path = join(source, only.name);
  const names = (await listFolder(path)).map(({ name }) => name);
  return names.some((name) => FILES_IN_FOLDERS.some(([pattern]) => pattern.test(name))) ? path : undefined;
}

function withWarnings(part: Recognised, warnings: readonly string[]): Recognised {
  return warnings.length === 0 ? part : { ...part, warnings: [...(part.warnings ?? []), ...warnings] };
}

/** @param format `tar` leaves it to the archives whether they hold shards or class folders */
async function recogniseFiles(
  files: readonly string[],
  folder: string,
  format: DatasetFormat | 'tar',
): Promise<Recognised> {
  if (format === 'tar' || format === 'class-folders') {
    const folders = await foldersInTars(files);
    if (folders.length > 0) return { format: 'class-folders', files, folders, archived: true };
  }
  if (format === 'class-folders') {
    throw new DatasetError(
      `expected images in class folders in ${files.join(', ')}, found none or .cls files; set dataset.format to webdataset`,
    );
  }
  const classNames = format === 'parquet' ? await parquetClassNames(files[0]!) : await classNamesIn(folder);
  const warning = format === 'npz' ? await npzWarning(files[0]!) : undefined;
  return {
    format: format === 'tar' ? 'webdataset' : format,
    files,
    ...(classNames && { classNames }),
    ...(warning !== undefined && { warnings: [warning] }),
  };
}

async function foldersInTars(files: readonly string[]): Promise<string[]> {
  const folders = new Set<string>();
  for (const file of files) {
    for (const folder of await listTarClasses(file)) folders.add(folder);
    // a thousand shards need not be looked into
    if (folders.size === 0) break;
  }
  return [...folders].sort();
}

async function recogniseFile(path: string): Promise<DatasetFormat | 'tar'> {
  const bytes = new ByteReader(path);
  const start = await bytes.take(START_BYTES).finally(() => bytes.close());
  if (/\.(tar(\.gz|\.zst)?|tgz)$/.test(path)) return 'tar';
  if (/\.bin(\.gz|\.zst)?$/.test(path)) return 'cifar-binary';
  const format = formatOf(start);
  if (format) return format;
  if (isPickle(start)) {
    throw new DatasetError(
      `expected a dataset at ${path}, found a Python pickle, as in the Python version of CIFAR; ` +
        'bring the binary version, or write images in class folders',
    );
  }
  const damage = bytes.damage ? ` (${bytes.damage})` : '';
  throw new DatasetError(
    `expected IDX images, a tar archive, NDJSON, .npz, Parquet, CIFAR .bin or a folder, found ${path} beginning with ` +
      `${start.toString('hex', 0, 8) || 'nothing'}${damage}; ` +
      `set dataset.format to one of ${INPUT_FORMATS.join(', ')}`,
  );
}

/** Of a protocol with a mark at its start, which begins a dictionary, a frame or a mark. */
function isPickle(start: Buffer): boolean {
  return start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5 && [0x7d, 0x95, 0x28].includes(start[2]!);
}

/** What bytes that begin so hold; undefined where they tell nothing, as those of CIFAR. */
export function formatOf(start: Buffer): DatasetFormat | 'tar' | undefined {
  if (start.toString('latin1', 257, 262) === 'ustar') return 'tar';
  if (start.toString('latin1', 0, 4) === 'PK\x03\x04') return 'npz';
  if (start.toString('latin1', 0, 4) === 'PAR1') return 'parquet';
  // perhaps behind a byte order mark
  if (/^(?:\xef\xbb\xbf)?\s*\{/.test(start.toString('latin1'))) return 'ndjson';
  const idx = start.length > 3 && start.readUInt16BE() === 0 && start[2] === 8 && [3, 4].includes(start[3]!);
  return idx ? 'idx' : undefined;
}

/** CIFAR comes with the names of its classes, one a line, in a file beside the data. */
export async function classNamesIn(folder: string, name = 'batches.meta.txt'): Promise<string[] | undefined> {
  const path = join(folder, name);
  const text = await readText(path, MOST_NAMES_BYTES).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    if (error instanceof DataElixirError) throw error;
    throw new DatasetError(`expected names of classes in ${path}, found: ${error.message}; remove it`);
  });
  return text?.split('\n').flatMap((line) => line.trim() || []);
}
