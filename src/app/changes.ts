// What is told of a growing dataset: lines of NDJSON that say what to release, replace and retract. Corrections go
// into the record, or, with new samples between them, to stdout, where the whole dataset would otherwise go again
// with each run. docs/growing.md is the contract.

import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { parseLooseJson } from '../bounded-json.ts';
import { type ByteSink, streamSink } from '../datasets/bytes/byte-sink.ts';
import { spliceFields } from '../datasets/bytes/json-splice.ts';
import { lineOf } from '../datasets/formats/ndjson/ndjson-writer.ts';
import { withoutImage } from '../datasets/origin.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { DatasetWriter } from '../datasets/writer.ts';
import { ConfigError, writing } from '../errors.ts';
import { syncFolderNow, syncNow, syncStream } from '../files/sync.ts';
import { cutTornLine } from '../files/torn-line.ts';
import type { SettledSample } from '../ports/records.ts';
import { deliver, forget } from '../state/outbox.ts';
import type { RunRecord } from '../state/record.ts';
import type { State } from '../state/state.ts';
import type { Context } from './context.ts';
import { toStandardOutput } from './paths.ts';

/** The part of a record that corrections are appended to. */
export const CORRECTIONS = 'corrections.ndjson';

/**
 * Whether stdout gets changes instead of the dataset.
 *
 * @throws {ConfigError} where changes are asked for and there is no state to tell them, or another place or format
 */
export function writesChanges(context: Context): boolean {
  const { output, state, follow } = context.settings;
  if (!output.changes && !(follow.enabled && toStandardOutput(context))) return false;
  if (!toStandardOutput(context) || state.path === null) {
    throw new ConfigError(
      `output.changes: expected output.path - and a state to compare with, found ${output.path ?? 'the record'} and ` +
        `${state.path ?? 'none'}; pass --output-path - --state FOLDER`,
    );
  }
  if (output.format !== 'ndjson' && output.format !== 'class-folders') {
    throw new ConfigError(
      `output.format: expected ndjson, in which changes are written, found ${output.format}; leave it out`,
    );
  }
  return true;
}

/** Turns samples of a store that are released first into lines. */
export function releaseLines(store: Pick<SampleStore, 'origin'>): (settled: SettledSample) => string {
  return ({ index, sample, entry, encoded }) => {
    const origin = store.origin(index);
    const line = lineOf(sample, entry.image === 'raw' ? origin : withoutImage(origin, encoded), '.');
    return withOperation(Buffer.from(line).toString('utf8'), sample.id);
  };
}

/** A line of a source may lack an id, and must not say itself what is to be done with it. */
function withOperation(line: string, id: string): string {
  const fields = parseLooseJson(line) as Readonly<Record<string, unknown>>;
  const changes = [{ key: 'op', value: 'release' }];
  return spliceFields(line, fields.id === id ? changes : [{ key: 'id', value: id }, ...changes]);
}

/** Takes the dataset where only its changes are given away. */
export function openNowhere(): DatasetWriter {
  let samples = 0;
  return {
    write: async () => {
      samples += 1;
    },
    close: async () => samples,
    abort: () => Promise.resolve(),
  };
}

/**
 * Hands over what committed runs have to say, each once: to stdout, or into a file of the record. A run that changes nothing
 * leaves that file as it was: it may be the second try of one that was killed when all was said.
 */
export class Teller {
  readonly #signal: AbortSignal;
  readonly #state: State;
  /** Of the file; empty where changes go to stdout. */
  readonly #path: string;
  readonly #stdout: Writable;
  /** Where changes go to stdout. */
  readonly #stream: ByteSink | undefined;
  readonly #told = new Set<string>();
  /** Whether the lines of the file are those of this run. */
  #begun: boolean;

  /**
   * @param goesOn whether the file goes on, with lines of every run
   * @throws {OutputError} when it cannot be written
   */
  constructor(context: Context, state: State, record: Pick<RunRecord, 'path'>, goesOn: boolean) {
    const streams = writesChanges(context);
    this.#signal = context.signal;
    this.#state = state;
    this.#path = streams ? '' : record.path(CORRECTIONS);
    this.#stdout = context.stdout as Writable;
    this.#stream = streams ? streamSink('stdout', this.#stdout) : undefined;
    this.#begun = goesOn;
    if (!this.#stream) {
      if (goesOn) writing(this.#path, () => cutTornLine(this.#path));
      this.#append('');
    }
  }

  /**
   * @param changed whether this run changes anything
   * @throws {OutputError} when it cannot be written; the reason of the signal when that aborts
   */
  async tell(changed = false): Promise<void> {
    if (changed && !this.#stream) this.#begin();
    await deliver(this.#state, this.#told, async (lines) => {
      this.#signal.throwIfAborted();
      if (this.#stream) return this.#stream.write(lines);
      this.#begin();
      this.#append(lines);
    });
  }

  /**
   * Lets go of what was told, when the run has ended; else the next one tells it again.
   *
   * @throws {OutputError} when it does not get on disk first
   */
  forget(): void {
    if (this.#told.size > 0) writing(this.#path || 'stdout', () => this.#sync());
    forget(this.#told);
  }

  #sync(): void {
    if (this.#stream) syncStream(this.#stdout);
    else {
      // whoever has read the file may have removed it
      if (existsSync(this.#path)) syncNow(this.#path);
      syncFolderNow(dirname(this.#path));
    }
  }

  #begin(): void {
    if (!this.#begun) writing(this.#path, () => writeFileSync(this.#path, ''));
    this.#begun = true;
  }

  #append(lines: string): void {
    writing(this.#path, () => appendFileSync(this.#path, lines));
  }
}
