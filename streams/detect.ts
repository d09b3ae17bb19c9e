// Step 4 alone, as a filter: transition records in, from any machine or of any age, one verdict out. Records come
// as NDJSON from outside, so each line is checked before it is counted.

import { lastValueFrom } from 'rxjs';
import { parseJson } from '../src/bounded-json.ts';
import type { Verdict } from '../src/defense/verdict/verdict.ts';
import { DatasetError } from '../src/errors.ts';
import { lines } from '../src/files/lines.ts';
import type { TransitionRecord } from '../src/ports/records.ts';
import { abortable } from './operators/abortable.ts';
import { Credit, credited } from './operators/credited.ts';
import { type Detection, type Estimate, emptyVerdict, estimated, type OnEstimate } from './stages/detect.ts';

/**
 * Judges transition records as lines.
 *
 * @param chunks NDJSON in UTF-8, as `transitions` prints it; empty lines are passed over
 * @throws {DatasetError} on the first line that is no transition record; the reason of `signal` when that aborts
 */
export function runDetection(
  chunks: AsyncIterable<Uint8Array | string>,
  detection: Detection,
  onEstimate: OnEstimate,
  signal?: AbortSignal,
): Promise<Verdict> {
  return judgeRecords(parse(chunks), detection, onEstimate, signal);
}

/** A value that may be a transition record, and where it stood. */
export interface Numbered {
  readonly value: unknown;
  /** For messages: `line 3`. */
  readonly place: string;
}

/** Judges transition records as values. @throws as `runDetection` does */
export async function judgeRecords(
  values: AsyncIterable<Numbered>,
  detection: Detection,
  onEstimate: OnEstimate,
  signal?: AbortSignal,
): Promise<Verdict> {
  let last: Estimate | undefined;
  // each record is counted at once: one waits only while a window is told of
  const credit = new Credit(1);
  const told = estimated(detection, credit, (running) => {
    last = running;
    return onEstimate(running);
  });
  const records = credited(checked(values, detection.classes), credit);
  await lastValueFrom(records.pipe(told, abortable(signal)), { defaultValue: undefined });
  return last?.verdict ?? emptyVerdict(detection);
}

async function* parse(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Numbered> {
  let number = 0;
  for await (const line of lines(chunks)) {
    number += 1;
    if (line.trim() !== '') yield { value: parsed(line) ?? line, place: `line ${number}` };
  }
}

async function* checked(values: AsyncIterable<Numbered>, classes: number): AsyncGenerator<TransitionRecord> {
  for await (const { value, place } of values) {
    if (!isTransitionRecord(value, classes)) {
      const found = typeof value === 'string' ? value : JSON.stringify(value);
      throw new DatasetError(
        `expected {"id","label","raw","labels":[[…]…]} with labels below ${classes} on ${place}, ` +
          `found ${found?.slice(0, 80)}; feed what \`transitions\` prints and set dataset.classes to match`,
      );
    }
    yield value;
  }
}

function parsed(line: string): unknown {
  try {
    return parseJson(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isTransitionRecord(value: unknown, classes: number): value is TransitionRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { id, label, raw, labels, scores } = value as Record<string, unknown>;
  const isLabel = (found: unknown) =>
    Number.isInteger(found) && (found as number) >= 0 && (found as number) < classes;
  return (
    typeof id === 'string' &&
    isLabel(label) &&
    isLabel(raw) &&
    Array.isArray(labels) &&
    labels.length > 0 &&
    (scores === undefined || isScores(scores, classes)) &&
    labels.every((round) => Array.isArray(round) && round.length > 0 && round.every(isLabel))
  );
}

function isScores(value: unknown, classes: number): boolean {
  return Array.isArray(value) && value.length === classes && value.every(Number.isFinite);
}
