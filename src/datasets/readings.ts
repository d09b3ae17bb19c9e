// A folder that can be read in more than one way: class folders with an archive, a table or a log beside them. What holds
// no readable sample is no dataset, however its name ends. Of those that are, the one of the most samples is read, and
// people are told of both; where samples are remembered from run to run nothing is guessed, since another choice next
// time would take all of them back.

import { basename } from 'node:path';
import { DatasetError, ForbiddenError, SampleError, UnreadableError } from '../errors.ts';
import type { Entry } from './entry.ts';
import { MAX_CLASSES } from './label-census.ts';
import type { Reading, Recognised } from './recognised.ts';
import { decodeEntry } from './settle.ts';

/** Names in a message. */
const NAMED = 3;
/** Samples that may be bad before a good one shows that there are any. */
const MOST_BAD = 100;

/** Gives the samples of what was recognised, as often as it is called. */
type EntriesOf = (part: Recognised) => AsyncIterable<Entry>;

interface Dataset {
  readonly what: string;
  readonly part: Recognised;
}

/** Names of files or folders, the first few of many. */
export function namesOfFiles(paths: readonly string[]): string {
  const more = paths.length > NAMED ? `, … (${paths.length})` : '';
  return (
    paths
      .slice(0, NAMED)
      .map((path) => basename(path))
      .join(', ') + more
  );
}

/**
 * Chooses among several readings of one folder.
 *
 * @param growing a run remembers samples
 * @throws {DatasetError} when none is a dataset, or when nobody can tell which is meant
 */
export async function chooseReading(
  source: string,
  readings: readonly Reading[],
  growing: boolean,
  entriesOf: EntriesOf,
): Promise<Recognised> {
  const datasets: Dataset[] = [];
  const refused: string[] = [];
  for (const { what, recognise } of readings) {
    try {
      const part = await recognise();
      await findSample(entriesOf(part));
      datasets.push({ what, part });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.push(`${what} of ${source} is not read, it holds no dataset: ${error.message}`);
    }
  }
  const [only] = datasets;
  if (!only) throw new DatasetError(`expected a dataset in ${source}, found none: ${refused.join('; ')}`);
  if (datasets.length === 1) return warned(only.part, refused);
  if (growing) throw unclear(source, datasets.map(({ what }) => what).join(' and '));
  return largest(source, datasets, refused, entriesOf);
}

async function largest(
  source: string,
  datasets: readonly Dataset[],
  refused: readonly string[],
  entriesOf: EntriesOf,
): Promise<Recognised> {
  const counted = [];
  for (const dataset of datasets) counted.push({ ...dataset, count: await count(entriesOf(dataset.part)) });
  const [most, next] = counted.sort((a, b) => b.count - a.count);
  const found = counted.map(({ what, count }) => `${what} with ${count} samples`).join(' and ');
  if (most!.count === next!.count) throw unclear(source, found);
  const text = `found ${found} in ${source}, and read only the first; ${REMEDY} for another`;
  return warned(most!.part, [...refused, text]);
}

const REMEDY = 'name the file itself, or set dataset.format,';

function unclear(source: string, found: string): DatasetError {
  return new DatasetError(
    `expected one dataset in ${source}, found ${found}; ${REMEDY} or move what is not meant`,
  );
}

function warned(part: Recognised, warnings: readonly string[]): Recognised {
  return { ...part, warnings: [...(part.warnings ?? []), ...warnings] };
}

/** Whether the bytes are no dataset, rather than out of reach. */
function isRefusal(error: unknown): error is DatasetError {
  if (error instanceof UnreadableError || error instanceof ForbiddenError) return false;
  return error instanceof DatasetError;
}

/** @throws {DatasetError} when none of the first samples is readable */
async function findSample(entries: AsyncIterable<Entry>): Promise<void> {
  let reason = 'it is empty';
  let bad = 0;
  for await (const entry of entries) {
    try {
      await decodeEntry(entry, MAX_CLASSES);
      return;
    } catch (error) {
      if (!(error instanceof SampleError)) throw error;
      if (bad++ === 0) reason = error.message;
      if (bad === MOST_BAD) break;
    }
  }
  throw new DatasetError(reason);
}

async function count(entries: AsyncIterable<Entry>): Promise<number> {
  let found = 0;
  for await (const _ of entries) found++;
  return found;
}
