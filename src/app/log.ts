// Where a run tells what it does, in words for people and as events for programs. Who shows them, and whether on a
// terminal or in a file, is not the concern of those who tell.

import type { LogEvent } from './log-events.ts';

export interface Log {
  error(stage: string, text: string, event: LogEvent): void;
  warn(stage: string, text: string, event: LogEvent): void;
  info(stage: string, text: string, event: LogEvent): void;
  debug(stage: string, text: string): void;

  /**
   * @param done  work done so far, in `unit`
   * @param total all work, or undefined while nobody knows
   */
  progress(stage: string, done: number, total: number | undefined, unit: string): void;

  /** From here on lines go into a file as well. */
  writeTo(file: (line: string) => void): void;
}
