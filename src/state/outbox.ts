// What a run tells those who follow a dataset, on its way out: one file of lines for each run, in the folder of the
// state. It is written before the run becomes the state's last one and handed over after that, so that nobody is told
// what the state does not know, and what a run that was killed in between had to say is said by the next one. Lines
// may thus be told twice, but never lost.

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
import { lines } from '../../streams/operators/lines.ts';
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
 * @param take  whole lines with their ends; awaited. What it rejects is handed over again the next time
 */
export async function deliver(
  { folder, run }: Pick<State, 'folder' | 'run'>,
  take: (lines: string) => Promise<void>,
): Promise<void> {
  const found = readdirSync(folder).flatMap((name) => {
    const number = NAME.exec(name)?.[1];
    return number === undefined ? [] : [{ path: join(folder, name), run: Number(number) }];
  });
  for (const file of found.sort((a, b) => a.run - b.run)) {
    if (file.run <= run) for await (const block of blocksOf(file.path)) await take(block);
    rmSync(file.path);
  }
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
