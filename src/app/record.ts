// The record of a run, opened: its folder with the resolved configuration, the log, and the quarantine. Also what
// every record says in the end about cost.

import { resolve } from 'node:path';
import { Journal } from '../files/journal.ts';
import type { Refuse } from '../ports/records.ts';
import { type Metrics, type RecordOptions, RunRecord } from '../state/record.ts';
import type { Context } from './context.ts';
import { versions } from './paths.ts';
import type { StageClock } from './stage-clock.ts';

/** A record while its run works. */
export interface OpenRecord {
  readonly record: RunRecord;
  /** `quarantine.ndjson`, to be closed by whoever ends the run. */
  readonly quarantine: Journal<unknown>;
  readonly refuse: Refuse;
}

/** How a record differs from one of a run that is by itself. */
interface Differences extends Partial<Pick<RecordOptions, 'overwrite' | 'keep' | 'claimed'>> {
  /** Whether quarantine goes on where the last run ended. */
  readonly goesOn?: boolean | undefined;
}

/** Folder of the record that the configuration names. */
export function recordFolder({ settings: { recordRoot, saveFolderName } }: Context): string {
  // Node makes folders in a working folder that is gone for ever, where the path is not absolute
  return resolve(recordRoot, saveFolderName);
}

/** Starts the record that the configuration names; log lines go there from now on. Whoever ends the run releases it. */
export async function createRecord(
  context: Context,
  { overwrite = context.settings.overwrite, keep = [], claimed, goesOn }: Differences = {},
): Promise<OpenRecord> {
  const { settings, log, tally } = context;
  const config = { ...settings, versions: versions() };
  const record = await RunRecord.create(resolve(settings.recordRoot), settings.saveFolderName, {
    ...{ overwrite, config, keep, claimed },
  });
  log.writeTo((line) => record.log(line));
  const quarantine = new Journal<unknown>(record.path('quarantine.ndjson'), goesOn);
  const refuse: Refuse = async (bad) => {
    tally?.count('quarantined');
    quarantine.append(bad);
  };
  return { record, quarantine, refuse };
}

/** `denoiserCalls` of the purification of `samples` samples. */
export function costOf(clock: StageClock, denoiserCalls: number, samples: number): Metrics['cost'] {
  const peakRssMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  return {
    ...(samples > 0 && { denoiserCallsPerSample: denoiserCalls / samples }),
    seconds: clock.seconds,
    peakRssMiB,
  };
}
