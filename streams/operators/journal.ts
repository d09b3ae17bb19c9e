// The barrier between two passes over the same records. A verdict on a class needs every sample, so the records
// wait for it: in a file of one JSON value a line, never in memory. The replay is an async iterable, to be pulled
// with credit, and the file is at the same time a record for people and for other commands to read.

import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { concat, concatMap, defer, finalize, ignoreElements, type MonoTypeOperatorFunction } from 'rxjs';
import { lines } from './lines.ts';

/** Characters gathered before they are written, so that a line does not cost a system call. */
const BLOCK = 1 << 16;

/** A file of JSON lines: first appended to, then closed, then replayed as often as one likes. */
export class Journal<T> implements Sink<T>, AsyncIterable<T> {
  readonly path: string;
  #file: FileHandle | undefined;
  #closing: Promise<void> | undefined;
  #pending: string[] = [];
  #size = 0;
  #count = 0;

  /** @param path is created, or emptied, at the first `append`; folders on the way are made. */
  constructor(path: string) {
    this.path = path;
  }

  /** Records appended so far. */
  get count(): number {
    return this.#count;
  }

  /** Appends one record (anything that JSON can hold). Calls must not overlap. */
  async append(record: T): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    this.#pending.push(line);
    this.#size += line.length;
    this.#count += 1;
    if (this.#size >= BLOCK) await this.#flush();
  }

  /** Writes what is pending and closes the file, which exists from then on even without records. */
  close(): Promise<void> {
    this.#closing ??= this.#flush().finally(() => this.#file?.close());
    return this.#closing;
  }

  /** Replays the records in the order in which they were appended; only after `close`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    if (!this.#closing)
      throw new Error(`expected a closed journal, found ${this.path} still open; close it first`);
    await this.#closing;
    for await (const line of lines(createReadStream(this.path))) yield JSON.parse(line) as T;
  }

  async #flush(): Promise<void> {
    if (!this.#file) {
      await mkdir(dirname(this.path), { recursive: true });
      this.#file = await open(this.path, 'w');
    }
    const block = this.#pending.join('');
    this.#pending = [];
    this.#size = 0;
    await this.#file.appendFile(block);
  }
}

/** What takes items one at a time and is closed when all are in: a journal, or several. */
export interface Sink<T> {
  append(item: T): Promise<void>;
  close(): Promise<void>;
}

/**
 * Appends each item to `journal`, then emits it; completes once the journal is closed and can be replayed.
 * It is closed on errors and on unsubscribing too.
 */
export function journalled<T>(journal: Sink<T>): MonoTypeOperatorFunction<T> {
  const append = async (item: T): Promise<T> => {
    await journal.append(item);
    return item;
  };
  return (source) =>
    concat(source.pipe(concatMap(append)), defer(() => journal.close()).pipe(ignoreElements())).pipe(
      finalize(() => void journal.close()),
    );
}
