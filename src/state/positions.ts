// How far the sources of a dataset were read: what a state says of them to those who ask which part of which source it
// has seen. A folder is one source, however many images it holds.

import type { ReadResult } from '../datasets/sample.ts';
import { JSON_VALUE, rangeOf } from './database.ts';
import { POSITION, type State } from './state.ts';

/** What came of one source. */
export interface Position {
  /** As the user named it. */
  readonly source: string;
  /** Usable samples. */
  readonly samples: number;
  /** Samples that went to quarantine. */
  readonly unusable: number;
  /** File of the last sample of either kind, with `!member` inside an archive. */
  readonly file: string;
  /** Where that begins: byte in the (decompressed) file; row in Parquet. */
  readonly offset: number;
}

/** Counts what is read, source by source. */
export class Positions {
  readonly #paths: ReadonlySet<string>;
  readonly #found = new Map<string, Position>();
  /** Of the last sample: the next one is mostly of the same. */
  #source: string | undefined;

  /** @param paths of the sources, as the user named them; what is read from elsewhere counts by its file */
  constructor(paths: readonly string[]) {
    this.#paths = new Set(paths.map(withoutSlash));
  }

  /** Passes results on and notes where they stood. */
  async *noting(results: AsyncIterable<ReadResult>): AsyncGenerator<ReadResult> {
    for await (const result of results) {
      this.#note(result);
      yield result;
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.#found.clear();
    this.#source = undefined;
  }

  /** Writes them down for the run that a state is to remember. */
  async keep({ database, next }: State): Promise<void> {
    const all = [...this.#found.values()];
    await database.batch<string, Position>(
      all.map((value) => ({ type: 'put', key: `${next}${POSITION}${value.source}`, value, ...JSON_VALUE })),
      {},
    );
  }

  #note(result: ReadResult): void {
    const place = result.ok ? result.place : result.quarantined;
    if (!place) return;
    const { source: file, offset } = place;
    if (this.#source === undefined || !isWithin(file, this.#source)) this.#source = this.#sourceOf(file);
    const { samples, unusable } = this.#found.get(this.#source) ?? { samples: 0, unusable: 0 };
    const counts = result.ok ? { samples: samples + 1, unusable } : { samples, unusable: unusable + 1 };
    this.#found.set(this.#source, { source: this.#source, ...counts, file, offset });
  }

  #sourceOf(file: string): string {
    const archive = file.split('!', 1)[0]!;
    if (this.#paths.has(file)) return file;
    if (this.#paths.has(archive)) return archive;
    for (const path of this.#paths) if (isWithin(file, path)) return path;
    return archive;
  }
}

/** What the last run noted. */
export function positionsOf({ database, current }: State): Promise<Position[]> {
  return database.values<string, Position>({ ...rangeOf(`${current}${POSITION}`), ...JSON_VALUE }).all();
}

function isWithin(file: string, source: string): boolean {
  return file.startsWith(source) && (file.length === source.length || '/!'.includes(file[source.length]!));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
