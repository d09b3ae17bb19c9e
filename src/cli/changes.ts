// What is told of a growing dataset: lines of NDJSON that say what to release, replace and retract. Corrections go
// into the record, or, with new samples between them, to stdout, where the whole dataset would otherwise go again
// with each run. docs/growing.md is the contract.

import { appendFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { SettledSample } from '../../streams/records.ts';
import { streamSink } from '../datasets/byte-sink.ts';
import { spliceFields } from '../datasets/json-splice.ts';
import { lineOf } from '../datasets/ndjson-writer.ts';
import { withoutImage } from '../datasets/origin.ts';
import type { SampleStore } from '../datasets/sample-store.ts';
import type { DatasetWriter } from '../datasets/writer.ts';
import { ConfigError, writing } from '../errors.ts';
import { deliver } from '../state/outbox.ts';
import type { State } from '../state/state.ts';
import type { Context } from './commands.ts';
import { toStandardOutput } from './purification.ts';

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
  return ({ index, sample, entry }) => {
    const origin = store.origin(index);
    const line = lineOf(sample, entry.image === 'raw' ? origin : withoutImage(origin), '.');
    return withOperation(Buffer.from(line).toString('utf8'), sample.id);
  };
}

/** A line of a source may lack an id, and must not say itself what is to be done with it. */
function withOperation(line: string, id: string): string {
  const fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
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
 * Hands over what committed runs have to say.
 *
 * @param corrections file that is appended to where stdout is not meant
 * @param told        what was handed over before, and is not again
 * @throws {OutputError} when it cannot be written; the reason of the signal when that aborts
 */
export async function deliverChanges(
  context: Context,
  state: State,
  corrections: string,
  told: Set<string>,
): Promise<void> {
  const { signal, stdout } = context;
  const stream = writesChanges(context) ? streamSink('stdout', stdout as Writable) : undefined;
  if (!stream) append(corrections, '');
  await deliver(state, told, async (lines) => {
    signal.throwIfAborted();
    if (stream) await stream.write(lines);
    else append(corrections, lines);
  });
}

function append(path: string, lines: string): void {
  writing(path, () => appendFileSync(path, lines));
}
