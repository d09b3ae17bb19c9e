// What a run is called with, whoever calls it: the settings, where results go, where it tells what it does, and how
// it is stopped. The command line makes one of a process; tests make one of what they have.

import type { Settings } from '../../config/schema.ts';
import type { Log } from './log.ts';
import type { Tally } from './tally.ts';

/** What a command gets from the program. */
export interface Context {
  readonly settings: Settings;
  readonly log: Log;
  /** Results go here. */
  readonly stdout: NodeJS.WritableStream;
  readonly stdin: NodeJS.ReadableStream;
  /** Path of a file as the user named it, or of the package's own. */
  locate(path: string): string;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
  /** Counts what happens; left out where nobody asks. */
  readonly tally?: Tally;
}
