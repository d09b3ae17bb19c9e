// The samples of one file that grows at its end, kept from pass to pass while the program follows it: each pass reads
// what has come since the last one, and finds the others where it left them. The file is read from its beginning when
// the program starts, and again when another file has taken its place.

import { join } from 'node:path';
import { isDynamicPattern } from 'tinyglobby';
import type { Settings } from '../../config/schema.ts';
import type { Entry } from '../datasets/entry.ts';
import { LabelCensus, MAX_CLASSES } from '../datasets/label-census.ts';
import { settleRange } from '../datasets/open.ts';
import { SampleStore } from '../datasets/store/sample-store.ts';
import type { SourceInfo } from '../datasets/stream.ts';
import { Tail } from '../datasets/tail.ts';
import { DatasetError } from '../errors.ts';
import { statIfThereNow } from '../files/folder.ts';
import type { Refuse } from '../ports/records.ts';
import { Positions } from '../state/positions.ts';
import type { Context } from './context.ts';
import { channelsOf, reachOf, takeIn } from './datasets.ts';

const NDJSON = /\.(ndjson|jsonl)$/;
const TAR = /\.tar$/;

/**
 * The file that the sources are, where they are all of one file that may grow at its end, as its name says.
 *
 * @param paths of the sources
 */
export function growingFile({ dataset }: Settings, paths: readonly string[]): string | undefined {
  const { offset, limit, train } = dataset;
  const [path] = paths;
  if (path === undefined || paths.length > 1 || train.some((source) => isDynamicPattern(source))) return;
  const grows = NDJSON.test(path) || TAR.test(path);
  const isFolder = statIfThereNow(path)?.isDirectory() ?? false;
  return grows && !isFolder && offset === 0 && limit === null ? path : undefined;
}

export class TailedStore {
  readonly #tail: Tail;
  readonly #scratch: string;
  #store: SampleStore | undefined;
  #census = new LabelCensus();
  /** How far the file was read. */
  readonly positions: Positions;

  /**
   * @param scratch   folder for the samples; whoever made it removes it
   * @param maxPixels of an image
   */
  constructor(path: string, scratch: string, maxPixels?: number) {
    this.#tail = new Tail(path, maxPixels);
    this.#scratch = scratch;
    this.positions = new Positions([path]);
  }

  /** More classes than there are, where they are counted here. */
  get classes(): number | undefined {
    return NDJSON.test(this.#tail.path) ? MAX_CLASSES : undefined;
  }

  /** Whether what was read stays. @throws {DatasetError} when the file cannot be read */
  async goesOn(): Promise<boolean> {
    const same = await this.#tail.goesOn();
    if (!same) this.reset();
    return same;
  }

  /**
   * Reads what has come.
   *
   * @returns all samples, and their classes; undefined where the file is of a format that does not grow
   * @throws {DatasetError} when the file cannot be read
   */
  async fill(
    context: Context,
    { format, shape }: SourceInfo,
    refuse: Refuse,
  ): Promise<{ store: SampleStore; classes: number } | undefined> {
    if (this.classes !== undefined && format !== 'ndjson') {
      throw new DatasetError(
        `expected NDJSON in ${this.#tail.path}, found ${format}; rename it, or write lines`,
      );
    }
    if (format !== 'ndjson' && format !== 'webdataset') return undefined;
    const { classes } = context.settings.dataset;
    this.#store ??= new SampleStore(join(this.#scratch, 'tail'), shape);
    const before = this.#store.count;
    const expected = { shape, classes: classes ?? MAX_CLASSES };
    const entries = this.#counted(this.#tail.read(format, reachOf(context).paths));
    const resize = context.settings.dataset.resize !== 'refuse';
    const census = classes === null ? this.#census : undefined;
    const results = settleRange(entries, expected, {
      ...channelsOf(context.settings),
      resize,
    });
    await takeIn(context, this.#store, this.positions.noting(results), refuse, { census }).catch(
      (error: Error) => {
        this.reset();
        throw error;
      },
    );
    const { count: usable } = this.#store;
    const added = usable - before;
    const event = { event: 'read', dataset: this.#tail.path, usable, added, shape } as const;
    context.log.info('read', `${added} more of ${usable} samples usable, ${shape.join('×')}`, event);
    return { store: this.#store, classes: classes ?? this.#census.classes };
  }

  /** Forgets what was read. */
  reset(): void {
    this.#tail.reset();
    this.positions.reset();
    this.#store?.dispose();
    this.#store = undefined;
    this.#census = new LabelCensus();
  }

  async *#counted(entries: AsyncGenerator<Entry>): AsyncGenerator<Entry> {
    for await (const entry of entries) {
      if (entry.label !== undefined) this.#census.add(entry.label);
      yield entry;
    }
  }
}
