// Row after row until all are measured. What is finished is in results.json and is not measured again; what fails is
// entered with its reason, and the next row goes on; what is interrupted is not entered and is due again.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { definitionOf, hasConfig, recordPath, type Site } from './definition.ts';
import { criteriaOf } from './figures.ts';
import { page } from './page.ts';
import { type Entry, type Provenance, readEntries, withEntry, writeWhole } from './results.ts';
import type { Row } from './rows.ts';
import { runRow } from './run-row.ts';

export interface Campaign {
  readonly site: Site;
  /** All rows, in the order in which they are measured. */
  readonly rows: readonly Row[];
  /** Folder of `results.json` and `results.md`. */
  readonly results: string;
  readonly provenance: Omit<Provenance, 'date'>;
  readonly report: (text: string) => void;
  /** Called after a row was entered. */
  readonly entered?: (entry: Entry) => Promise<void>;
}

/** What is known of a row. */
export type State = 'done' | 'due' | 'outdated' | 'failed' | 'missing config';

export function stateOf(site: Site, row: Row, entries: readonly Entry[]): State {
  const run = row.kind === 'bootstrap' ? row.of : row;
  if (run.kind === 'run' && !hasConfig(site, run)) return 'missing config';
  const entry = entries.find((candidate) => candidate.row === row.id);
  if (entry === undefined) return 'due';
  if (entry.definition !== definitionOf(site, row)) return 'outdated';
  return entry.failed === undefined ? 'done' : 'failed';
}

/**
 * Measures the rows that are not done, in order.
 *
 * @param chosen which rows to look at
 * @param redo   measure those that are done as well
 * @returns how many rows failed
 * @throws the reason of `signal` when that aborts; all rows entered until then are on disk
 */
export async function runCampaign(
  campaign: Campaign,
  chosen: (row: Row) => boolean,
  redo: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { site, rows, report } = campaign;
  let failures = 0;
  for (const row of rows.filter(chosen)) {
    signal.throwIfAborted();
    const state = stateOf(site, row, readEntries(jsonPath(campaign)));
    if (state === 'missing config' || (state === 'done' && !redo) || lacksRecord(site, row)) {
      report(`${row.id}: ${lacksRecord(site, row) ? 'waits for its run' : state}`);
      continue;
    }
    report(`${row.id}: begins`);
    const entry = await measured(campaign, row, signal);
    if (entry.failed !== undefined) failures++;
    report(`${row.id}: ${entry.failed ?? JSON.stringify(entry.criteria)}`);
    enter(campaign, entry);
    await campaign.entered?.(entry);
  }
  return failures;
}

/** Resamples need the records of a run that is finished. */
function lacksRecord(site: Site, row: Row): boolean {
  return row.kind === 'bootstrap' && !existsSync(recordPath(site, row.of, 'metrics.json'));
}

async function measured({ site, provenance }: Campaign, row: Row, signal: AbortSignal): Promise<Entry> {
  const head = { row: row.id, definition: definitionOf(site, row) };
  const note = row.kind === 'run' && row.note !== undefined ? { note: row.note } : {};
  const outcome = await runRow(site, row, signal).then(
    (figures) => ({ figures, criteria: criteriaOf(figures) }),
    (error: Error) => ({ failed: error.message }),
  );
  signal.throwIfAborted();
  return { ...head, date: new Date().toISOString(), ...provenance, ...note, ...outcome };
}

/** Enters into what is on disk now: another process may have entered rows meanwhile. */
function enter(campaign: Campaign, entry: Entry): void {
  const { site, rows, results } = campaign;
  const order = rows.map(({ id }) => id);
  const entries = withEntry(readEntries(jsonPath(campaign)), entry, order);
  const pending = rows
    .map((row) => ({ row: row.id, state: stateOf(site, row, entries) as string }))
    .filter(({ state }) => state !== 'done')
    .map(({ row, state }) => {
      const failed = entries.find((found) => found.row === row)?.failed;
      return { row, state: state === 'failed' ? `failed: ${failed}` : state };
    });
  writeWhole(jsonPath(campaign), `${JSON.stringify(entries, null, 2)}\n`);
  writeWhole(join(results, 'results.md'), page(entries, pending));
}

function jsonPath({ results }: Campaign): string {
  return join(results, 'results.json');
}
