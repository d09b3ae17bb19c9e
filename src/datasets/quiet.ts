// When a file that others may still write to is finished: when nothing has changed it for some seconds. The first time
// that it is seen, its inode's change time tells how long that is: unlike the modification time nobody can set it, and
// moving a file or copying one with its old times renews it. From then on a clock that nobody sets tells. A file that
// was finished stays so for as long as it is the same, whatever becomes of the time of day.

import type { Stats } from 'node:fs';
import { IdSet } from './store/id-set.ts';

/** What is known of files. */
interface Memory {
  /** Files that are finished, each as it was then. */
  readonly finished: IdSet;
  /** Others by their paths: what they were like, and when they changed last on the monotonic clock. */
  readonly changing: Map<string, { readonly print: string; readonly since: number }>;
}

export class Quiet {
  /** Seconds without a change that make a file a finished one. */
  readonly seconds: number;
  #memory: Memory = empty();
  /** Of the look that is going on. */
  #seen: Memory | undefined;

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  isFinished(path: string, stats: Stats): boolean {
    const { finished, changing } = this.#memory;
    const print = printOf(path, stats);
    const before = changing.get(path);
    const now = performance.now();
    const age = Math.min(Math.max(Date.now() - stats.ctimeMs, 0), 1000 * this.seconds);
    const since = before?.print === print ? before.since : now - age;
    const isFinished = finished.has(print) || now - since >= 1000 * this.seconds;
    for (const memory of this.#seen ? [this.#memory, this.#seen] : [this.#memory]) {
      if (isFinished) memory.finished.add(print);
      if (isFinished) memory.changing.delete(path);
      else memory.changing.set(path, { print, since });
    }
    return isFinished;
  }

  /** Looks at all files there are; what is not seen is forgotten. */
  async look<T>(work: () => Promise<T>): Promise<T> {
    this.#seen = empty();
    try {
      const found = await work();
      this.#memory = this.#seen;
      return found;
    } finally {
      this.#seen = undefined;
    }
  }
}

/** Another one for another file, and for one that has changed. */
export function printOf(path: string, { size, ino, ctimeMs }: Stats): string {
  return JSON.stringify([path, size, ino, ctimeMs]);
}

function empty(): Memory {
  return { finished: new IdSet(), changing: new Map() };
}
