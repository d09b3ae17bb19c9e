// One file that grows at its end, read on each time from where the last reading ended: lines of NDJSON, or samples in a
// tar archive. Whether the file is still the one that was read is told by its inode, by its size, and by its bytes at the
// beginning and just before the place; where it is not, everything is read again.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { patience } from '../files/patience.ts';
import { chunksOf, openSource } from './bytes/byte-reader.ts';
import type { ByteStream } from './bytes/byte-stream.ts';
import { distinctEntry } from './distinct.ts';
import type { Entry } from './entry.ts';
import { readNdjson } from './formats/ndjson/ndjson-reader.ts';
import { readWebDataset } from './formats/webdataset/webdataset-reader.ts';
import { DEFAULT_MAX_PIXELS } from './open.ts';
import { IdSet } from './store/id-set.ts';

/** Bytes that are held against those of before, at either place. */
const PRINT_BYTES = 4096;

export type TailFormat = 'ndjson' | 'webdataset';

/** A place in a file, and what shows that it is the same file. */
interface Place {
  readonly offset: number;
  /** Lines before it. */
  readonly lines: number;
  readonly file: string;
  readonly print: string;
}

export class Tail {
  readonly path: string;
  #place: Place | undefined;
  #ids = new IdSet();

  readonly #maxPixels: number;

  /** @param maxPixels of an image */
  constructor(path: string, maxPixels = DEFAULT_MAX_PIXELS) {
    this.path = path;
    this.#maxPixels = maxPixels;
  }

  /** Whether nothing is to be read again. Else the next reading begins at the beginning. */
  async goesOn(): Promise<boolean> {
    const place = this.#place;
    const file = await openSource(this.path);
    try {
      const same =
        place !== undefined &&
        (await nameOf(file)) === place.file &&
        (await printOf(file, this.path, place.offset)) === place.print;
      if (!same) this.reset();
      return same;
    } finally {
      await file.close();
    }
  }

  /** Forgets what was read. */
  reset(): void {
    this.#place = undefined;
    this.#ids = new IdSet();
  }

  /**
   * What is whole since the last reading. A reading that is not taken to its end must be followed by `reset`.
   *
   * @param paths folder that the paths in lines of NDJSON may lead into; that of the file when absent
   * @throws {DatasetError} when the file cannot be read
   */
  async *read(format: TailFormat, paths = dirname(this.path)): AsyncGenerator<Entry> {
    const { offset: from, lines } = this.#place ?? { offset: 0, lines: 0 };
    const file = await openSource(this.path);
    try {
      const stream = { name: this.path, bytes: chunksOf(file, this.path, from), plain: true };
      const end = yield* this.#placed(
        from,
        entriesOf(stream, format, lines, { paths, maxPixels: this.#maxPixels }),
      );
      // an archive that has its end is no longer one that grows
      this.#place = end && {
        ...end,
        file: await nameOf(file),
        print: (await printOf(file, this.path, end.offset)) ?? '',
      };
    } finally {
      await file.close();
    }
  }

  /** Entries with their offsets in the whole file. */
  async *#placed(
    from: number,
    entries: AsyncGenerator<Entry, End | undefined>,
  ): AsyncGenerator<Entry, End | undefined> {
    try {
      for (let next = await entries.next(); ; next = await entries.next()) {
        if (next.done) return next.value && { ...next.value, offset: from + next.value.offset };
        const entry = { ...next.value, offset: from + next.value.offset };
        yield distinctEntry(entry, this.#ids);
      }
    } finally {
      await entries.return(undefined);
    }
  }
}

type End = Pick<Place, 'offset' | 'lines'>;

async function* entriesOf(
  stream: ByteStream,
  format: TailFormat,
  before: number,
  { paths, maxPixels }: { readonly paths: string; readonly maxPixels: number },
): AsyncGenerator<Entry, End | undefined> {
  if (format === 'ndjson') {
    const { lines, end } = yield* readNdjson(stream, maxPixels, { paths, growing: true, first: before });
    return { offset: end, lines };
  }
  const offset = yield* readWebDataset(stream, maxPixels, true);
  return offset === undefined ? undefined : { offset, lines: 0 };
}

async function nameOf(file: FileHandle): Promise<string> {
  const { dev, ino } = await file.stat();
  return `${dev}:${ino}`;
}

/** Of the first bytes of a file and those before a place; undefined where it is shorter. */
async function printOf(file: FileHandle, path: string, place: number): Promise<string | undefined> {
  const hash = createHash('sha256');
  const size = Math.min(PRINT_BYTES, place);
  for (const position of [0, place - size]) {
    const { bytesRead, buffer } = await patience.read(path, () =>
      file.read(Buffer.alloc(size), 0, size, position),
    );
    if (bytesRead < size) return undefined;
    hash.update(buffer);
  }
  return hash.digest('hex');
}
