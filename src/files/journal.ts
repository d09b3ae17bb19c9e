// A file of one JSON value a line, for records that wait for others: a verdict on a class needs every sample, and no
// record waits in memory. The replay is an async iterable, to be pulled with credit. Writing is synchronous, in blocks:
// it costs microseconds, and nothing is left half done when a stream ends early.

import { closeSync, createReadStream, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writing } from '../errors.ts';
import { lines } from './lines.ts';

/** Characters gathered before they are written, so that a line does not cost a system call. */
const BLOCK = 1 << 16;

/** What takes items one at a time and is closed when all are in: a journal, or several. */
export interface Sink<T> {
  append(item: T): void;
  /** May be called more than once. */
  close(): void;
}

/** A file of JSON lines: first appended to, then closed, then replayed as often as one likes. */
export class Journal<T> implements Sink<T>, AsyncIterable<T> {
  readonly path: string;
  readonly #flags: 'a' | 'w';
  #descriptor: number | undefined;
  #closed = false;
  /** Set while a block is written: what the disk refused once is not tried again. */
  #refused = false;
  #pending: string[] = [];
  #size = 0;
  #count = 0;

  /**
   * @param path is created, or emptied, with the first block; folders on the way are made
   * @param more  whether what is there stays, and is followed
   */
  constructor(path: string, more = false) {
    this.path = path;
    this.#flags = more ? 'a' : 'w';
  }

  /** Records appended so far. */
  get count(): number {
    return this.#count;
  }

  /** Appends one record, which is anything that JSON can hold. @throws {OutputError} when the disk refuses it */
  append(record: T): void {
    const line = `${JSON.stringify(record)}\n`;
    this.#pending.push(line);
    this.#size += line.length;
    this.#count += 1;
    if (this.#size >= BLOCK) this.#flush();
  }

  /** Writes what is pending and closes the file, which exists from then on even without records. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (!this.#refused) this.#flush();
    } finally {
      if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    }
  }

  /** Replays the records in the order in which they were appended; only after `close`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    if (!this.#closed)
      throw new Error(`expected a closed journal, found ${this.path} still open; close it first`);
    for await (const line of lines(createReadStream(this.path))) yield JSON.parse(line) as T;
  }

  #flush(): void {
    const block = this.#pending.join('');
    this.#pending = [];
    this.#size = 0;
    this.#refused = true;
    writing(this.path, () => {
      if (this.#descriptor === undefined) {
        mkdirSync(dirname(this.path), { recursive: true });
        this.#descriptor = openSync(this.path, this.#flags);
      }
      writeFileSync(this.#descriptor, block);
    });
    this.#refused = false;
  }
}
