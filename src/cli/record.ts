// The record of a run, opened: its folder with the resolved configuration, the log, and the quarantine. Also what
// every record says in the end about cost.

import { resolve } from 'node:path';
import { Journal } from '../../streams/operators/journal.ts';
import type { Refuse } from '../../streams/records.ts';
import { type Metrics, RunRecord } from '../state/record.ts';
import type { Context } from './commands.ts';
import { versions } from './paths.ts';
import type { StageClock } from './workspace.ts';

/** A record while its run works. */
export interface OpenRecord {
  readonly record: RunRecord;
  /** `quarantine.ndjson`, to be closed by whoever ends the run. */
  readonly quarantine: Journal<unknown>;
  readonly refuse: Refuse;
}

/** Starts the record that the configuration names; log lines go there from now on. @param keep parts that stay; @param goesOn whether quarantine does */
export function createRecord(
  { settings, log, tally }: Context,
  overwrite: boolean = settings.overwrite,
  keep: readonly string[] = [],
  goesOn = false,
): OpenRecord {
  const { recordRoot, saveFolderName } = settings;
  const config = { ...settings, versions: versions() };
  // Node makes folders in a working folder that is gone for ever, where the path is not absolute
  const record = RunRecord.create(resolve(recordRoot), saveFolderName, { overwrite, config, keep });
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
