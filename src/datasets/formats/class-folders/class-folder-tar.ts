// Class folders inside a tar archive, `…/class/file.png`, where the class is the last folder, or the one before it
// where the last is `images`, as in Tiny-ImageNet. The archive is read as
// a stream: once over the names, because the labels depend on which classes there are, and then once for the
// samples, in the order of the archive.

import { basename, dirname } from 'node:path/posix';
import { DatasetError } from '../../../errors.ts';
import { damagedArchive, linkedMember, readTar, type TarMember } from '../../bytes/tar.ts';
import { damagedEntry, type Entry } from '../../entry.ts';
import { imageStem, isImageName, maxImageBytes, tooManyBytes } from '../../images/image.ts';
import { IdSet } from '../../store/id-set.ts';
import { labelField, splitMember } from '../webdataset/webdataset-reader.ts';
import { IMAGES_FOLDER } from './class-folder-list.ts';

/** As the archives of CIFAR name their files, of the binary version or the one for Python. */
const CIFAR_FILE = /(?:^|\/)cifar-10[^/]*\/(?:data_batch_\d+|test_batch|train|test)(?:\.bin)?$/;
/** Of JSON beside an image; a label needs no more. */
const MOST_JSON_BYTES = 2 ** 20;

/**
 * The class folders of an archive: those that directly hold an image. None as soon as a label beside an image of the
 * same name, in `.cls` or `.json`, shows that it is a WebDataset shard, whatever folders its keys have.
 *
 * @throws {DatasetError} when it holds what CIFAR is downloaded as
 */
export async function listTarClasses(path: string): Promise<string[]> {
  const classes = new Set<string>();
  const sidecars = new Sidecars();
  let cifar: string | undefined;
  for await (const member of readTar(path, (name, size) => isJson(name) && size <= MOST_JSON_BYTES)) {
    if (member.kind === 'damage') break;
    if (member.kind === 'link') continue;
    if (/\.cls$/i.test(member.name) || sidecars.show(member)) return [];
    if (CIFAR_FILE.test(member.name)) cifar ??= basename(member.name);
    const folder = classOf(member.name);
    if (folder !== undefined && isImageName(member.name)) classes.add(folder);
  }
  if (cifar === undefined || classes.size > 0) return [...classes];
  throw new DatasetError(
    `expected images in ${path}, found an archive of CIFAR's own files such as ${cifar}; unpack it, and name its ` +
      'data_batch_*.bin, or train.bin, of the binary version',
  );
}

function isJson(name: string): boolean {
  return /\.json$/i.test(name);
}

/** The keys of images, and of JSON that holds a label. */
class Sidecars {
  readonly #images = new IdSet();
  readonly #labels = new IdSet();

  /** Whether a member makes a pair with one that was before it. */
  show({ name, bytes }: TarMember): boolean {
    const key = splitMember(name)?.key;
    if (key === undefined) return false;
    if (isImageName(name)) {
      this.#images.add(key);
      return this.#labels.has(key);
    }
    if (!bytes || labelField(bytes) === undefined) return false;
    this.#labels.add(key);
    return this.#images.has(key);
  }
}

/**
 * Reads one archive, gzipped or not. Ids are the paths without the images' extensions; what is in none of the class
 * folders is passed over. Damage of the archive makes one damaged entry for what is lost.
 *
 * @param labels of the class folders
 * @param growing others still write: what is not whole yet is left for later
 */
export async function* readClassFolderTar(
  path: string,
  labels: ReadonlyMap<string, number>,
  maxPixels: number,
  growing = false,
): AsyncGenerator<Entry> {
  const wanted = (name: string, size: number) =>
    labels.has(classOf(name) ?? '') && size <= maxImageBytes(maxPixels);
  const seen = new IdSet();
  for await (const member of readTar(path, wanted)) {
    if (member.kind === 'damage') {
      if (!(growing && member.cut)) yield damagedArchive(path, member);
      continue;
    }
    const label = labels.get(classOf(member.name) ?? '');
    if (label === undefined) continue;
    if (member.kind === 'link') yield linkedMember(path, member);
    else yield toEntry(member, seen, label, path, maxPixels);
  }
}

function toEntry(
  { name, offset, bytes, size }: TarMember,
  seen: IdSet,
  label: number,
  path: string,
  maxPixels: number,
): Entry {
  const plain = name.replace(/^\.\//, '');
  // what comes again under its whole name is no other sample
  const names = { id: imageStem(plain), ...(seen.add(plain) && { otherwise: plain }) };
  const place = { ...names, source: `${path}!${name}`, offset };
  if (!bytes) return damagedEntry(place, tooManyBytes(size, maxPixels).message);
  const rest = { format: 'class-folders' as const, folder: dirname(name), name: basename(name) };
  const origin = { image: bytes, rest };
  return {
    ...place,
    held: bytes.length,
    decode: async (decodeImage) => ({ label, ...(await decodeImage(bytes, maxPixels)), origin }),
  };
}

/**
 * The folder of a path that names the class. Hidden files, files at the top and images of a split that is not
 * divided into classes (`val/images/x.JPEG`) have none.
 */
function classOf(name: string): string | undefined {
  const last = basename(dirname(name));
  const parent = basename(dirname(dirname(name)));
  const deeper = last === IMAGES_FOLDER && parent !== '' && parent !== '.';
  if (deeper && /^(train|val|valid|test)$/.test(parent)) return undefined;
  const folder = deeper ? parent : last;
  return folder.startsWith('.') || folder === '' || basename(name).startsWith('.') ? undefined : folder;
}
