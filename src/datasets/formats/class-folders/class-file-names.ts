// How the files of class folders are called. A sample of class folders keeps its name, also where it goes to another
// class: there it is `Milk/potato-12.png`, with a number behind it where that name is somebody else's. Its id, which
// still says where it came from, stands in `dataset.names`. Ids of other formats, and those that are no paths, are
// escaped into names, shortened where they are too long for file systems.

import type { FileIds } from '../../description.ts';
import { hasHiddenPart, isSafePath } from '../../description.ts';
import { imageStem, isJpegName } from '../../images/image.ts';
import { imageExtension } from '../../images/image-file.ts';
import type { Origin } from '../../origin.ts';
import type { Sample } from '../../sample.ts';
import { IdSet } from '../../store/id-set.ts';
import { DEPTH } from './class-folder-list.ts';
import { idOfFile, isFileStem, isShortened, stemOfId } from './file-ids.ts';

/** The file of a sample. */
export interface ClassFile {
  /** From the root. */
  readonly path: string;
  /** What `dataset.names` has to call it, where its path does not say its id to a reader. */
  readonly noted?: string;
}

export interface NamingOptions {
  /** The folder of each class, by label. */
  readonly parts: readonly string[];
  /** Folders between that of the class and its images. */
  readonly below: string;
  /** Whether a sample of the dataset has an id: what its file is called then is left to it. */
  readonly isId?: ((id: string) => boolean) | undefined;
}

export class ClassFileNames {
  readonly #options: NamingOptions;
  readonly #parts: ReadonlySet<string>;
  readonly #used = new IdSet();
  #ids: FileIds | undefined;

  constructor(options: NamingOptions) {
    this.#options = options;
    this.#parts = new Set(options.parts);
  }

  /** The same for all samples of a dataset: whether the source's own names say the ids by path. */
  get ids(): FileIds {
    return this.#ids ?? 'escaped';
  }

  /** Chooses the file of the next sample: each name is given once. */
  choose(sample: Sample, origin: Origin | undefined): ClassFile {
    const { id } = sample;
    this.#ids ??= idsOf(sample, origin);
    const { parts, below } = this.#options;
    const part = parts[sample.label]!;
    const extension = imageExtension(origin);
    const inner = this.#ids === 'paths' ? this.#innerOf(id) : undefined;
    const stem = inner !== undefined && this.#freeStem(id, part, inner);
    if (stem) {
      const [folder, name] = split(stem);
      return {
        path: `${folder}/${fileName(name, extension, origin)}`,
        ...(idOfFile('paths', folder, name) !== id && { noted: stem }),
      };
    }
    const folder = below ? `${part}/${below}` : part;
    const name = escapedName(id, folder, extension, this.#ids, origin);
    const shortened = imageStem(name);
    return { path: `${folder}/${name}`, ...(isShortened(shortened) && { noted: shortened }) };
  }

  /** The path below the folder of its class that an id says. */
  #innerOf(id: string): string | undefined {
    const [part, ...inner] = id.split('/');
    const path = inner.join('/');
    const { below } = this.#options;
    const fits = this.#parts.has(part!) && isSafePath(path) && !hasHiddenPart(path) && inner.length <= DEPTH;
    return fits && (below === '' || path.startsWith(`${below}/`)) ? path : undefined;
  }

  /** The path without an ending that the sample has for itself; undefined where all are too long. */
  #freeStem(id: string, part: string, inner: string): string | undefined {
    for (let time = 1; ; time++) {
      const stem = `${part}/${inner}${time === 1 ? '' : `~${time}`}`;
      if (!isFileStem(split(stem)[1])) return undefined;
      const others = stem !== id && this.#options.isId?.(stem);
      if (!others && this.#used.add(stem)) return stem;
    }
  }
}

function split(path: string): [folder: string, name: string] {
  const end = path.lastIndexOf('/');
  return [path.slice(0, end), path.slice(end + 1)];
}

function idsOf({ id }: Sample, origin: Origin | undefined): FileIds {
  const { rest } = origin ?? {};
  const named = rest?.format === 'class-folders' && idOfFile('escaped', '', imageStem(rest.name)) !== id;
  return named ? 'paths' : 'escaped';
}

/** The name as it came, also in how it writes its ending, where the file is of the same kind. */
function fileName(stem: string, extension: string, origin: Origin | undefined): string {
  const name = origin?.rest?.format === 'class-folders' ? origin.rest.name : '';
  const sameKind = origin?.image !== undefined || (extension === 'jpg' && isJpegName(name));
  return sameKind && imageStem(name) === stem && isSafePath(name) ? name : `${stem}.${extension}`;
}

function escapedName(id: string, folder: string, extension: string, ids: FileIds, origin?: Origin): string {
  const { rest } = origin ?? {};
  if (rest?.format === 'class-folders') {
    const stem = imageStem(rest.name);
    const kept = idOfFile(ids, folder, stem) === id && isFileStem(stem) && isSafePath(rest.name);
    if (kept) return fileName(stem, extension, origin);
  }
  return `${stemOfId(ids, id)}.${extension}`;
}
