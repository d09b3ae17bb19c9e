// What a run tells those who follow a dataset, on its way out: one file of lines for each run, in the folder of the
// state. It is written before the run becomes the state's last one and handed over after that, so that nobody is told
// what the state does not know. It stays until who handed it over has ended well: what a run that was killed had to say, or
// had said into a record that is written over when it is called again, is said by the next one. Lines may thus be told
// twice, but never lost.

import {
  closeSync,
  createReadStream,
  fsyncSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lines } from '../files/lines.ts';
import { syncFolderNow } from '../files/sync.ts';
import type { State } from './state.ts';

/** LevelDB passes over files whose names it does not know. */
const NAME = /^changes-(\d+)\.ndjson$/;
/** Characters that are written, and handed over, at a time. */
const BLOCK = 1 << 16;

export class Outbox {
  readonly #state: State;
  /** Number of the run that the lines are of. */
  readonly #run: number;
  #descriptor: number | undefined;
  #pending = '';

  constructor(state: State) {
    this.#state = state;
    this.#run = state.run + 1;
  }

  /** @param line without its end */
  append(line: string): void {
    this.#pending += `${line}\n`;
    if (this.#pending.length >= BLOCK) this.#flush();
  }

  /** Puts all lines on disk; before the state is committed. */
  close(): void {
    this.#flush();
    if (this.#descriptor === undefined) return;
    fsyncSync(this.#descriptor);
    syncFolderNow(this.#state.folder);
    this.dispose();
  }

  /** Lets go of the file, whose lines count only if their run is committed. May be called more than once. */
  dispose(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #flush(): void {
    if (this.#pending === '') return;
    const { folder } = this.#state;
    this.#descriptor ??= openSync(join(folder, `changes-${this.#run}.ndjson`), 'w');
    writeFileSync(this.#descriptor, this.#pending);
    this.#pending = '';
  }
}

/**
 * Hands over the lines of committed runs, oldest first, and removes those of runs that never were.
 *
 * @param told files that were handed over before; those that are now are added
 * @param take whole lines with their ends; awaited. What it rejects is handed over again the next time
 */
export async function deliver(
  { folder, run }: Pick<State, 'folder' | 'run'>,
  told: Set<string>,
  take: (lines: string) => Promise<void>,
): Promise<void> {
  const found = readdirSync(folder).flatMap((name) => {
    const number = NAME.exec(name)?.[1];
    return number === undefined ? [] : [{ path: join(folder, name), run: Number(number) }];
  });
  for (const file of found.sort((a, b) => a.run - b.run)) {
    if (told.has(file.path)) continue;
    if (file.run > run) rmSync(file.path);
    else {
      for await (const block of blocksOf(file.path)) await take(block);
      told.add(file.path);
    }
  }
}

/** Removes what was handed over, once nothing can happen to it any more. */
export function forget(told: Set<string>): void {
  for (const path of told) rmSync(path, { force: true });
  told.clear();
}

async function* blocksOf(path: string): AsyncGenerator<string> {
  let block = '';
  for await (const line of lines(createReadStream(path))) {
    block += `${line}\n`;
    if (block.length < BLOCK) continue;
    yield block;
    block = '';
  }
  if (block !== '') yield block;
}
