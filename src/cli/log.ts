// What a run says while it works: on stderr and, with times, in the record's log file. People on a terminal read lines
// `[stage] text`, and the progress of the current stage in one line that is rewritten, with rate and time left. Programs
// get one JSON object a line, with fields that say the same (`log-events.ts`); both they and files get a line on progress every tenth of the work, but at most one a
// second and at least one in ten. Results never pass through here: they go to stdout.

import type { Log } from '../app/log.ts';
import type { LogEvent } from '../app/log-events.ts';
import { jsonLine, withoutControls } from '../control-characters.ts';

/** How much is logged, least first. */
const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LEVELS)[number];

export interface LogOptions {
  /** Lines for people (the default), or JSON. */
  readonly format?: 'human' | 'json';
  /** Colour marks of errors and warnings. */
  readonly color?: boolean;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Where lines go: stderr, or a test's collector. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const REWRITE_MS = 100;
const PLAIN_MS = { least: 1000, most: 10_000 };
const PLAIN_SHARE = 0.1;
const BAR_WIDTH = 20;
const COLORS = { error: 31, warn: 33 };

interface Progress {
  readonly stage: string;
  readonly startedAt: number;
  shownAt: number;
  shownShare: number;
}

export class TerminalLog implements Log {
  readonly #terminal: Terminal;
  readonly #level: LogLevel;
  readonly #json: boolean;
  readonly #color: boolean;
  readonly #now: () => number;
  /** Whether a line can be rewritten. */
  readonly #rewrites: boolean;
  #file: ((line: string) => void) | undefined;
  #progress: Progress | undefined;
  #barShown = false;

  constructor(
    terminal: Terminal,
    level: LogLevel,
    { format = 'human', color = false, now = Date.now }: LogOptions = {},
  ) {
    this.#terminal = terminal;
    this.#level = level;
    this.#json = format === 'json';
    this.#color = color;
    this.#now = now;
    this.#rewrites = terminal.isTTY === true && !this.#json;
  }

  /** From here on lines go into a file as well, whatever the level of the terminal is, debug lines apart. */
  writeTo(file: (line: string) => void): void {
    this.#file = file;
  }

  error(stage: string, text: string, event: LogEvent): void {
    this.#line('error', stage, text, event);
  }

  warn(stage: string, text: string, event: LogEvent): void {
    this.#line('warn', stage, text, event);
  }

  info(stage: string, text: string, event: LogEvent): void {
    this.#line('info', stage, text, event);
  }

  debug(stage: string, text: string): void {
    this.#line('debug', stage, text);
  }

  /**
   * @param done  work done so far, in `unit`
   * @param total all work, or undefined while nobody knows
   */
  progress(stage: string, done: number, total: number | undefined, unit: string): void {
    const now = this.#now();
    if (this.#progress?.stage !== stage || done === 0) {
      this.#progress = {
        stage,
        startedAt: now,
        shownAt: now - (this.#rewrites ? REWRITE_MS : 0),
        shownShare: 0,
      };
    }
    const state = this.#progress;
    const share = total ? done / total : 0;
    const elapsed = now - state.shownAt;
    const due = this.#rewrites
      ? elapsed >= REWRITE_MS || done === total
      : (share >= state.shownShare + PLAIN_SHARE && elapsed >= PLAIN_MS.least) ||
        elapsed >= PLAIN_MS.most ||
        (done === total && state.shownShare < 1);
    if (!due) return;
    state.shownAt = now;
    state.shownShare = share;
    if (!this.#rewrites) {
      const event = { event: 'progress', done, ...(total !== undefined && { total }), unit } as const;
      this.info(stage, amountOf(done, total, unit), event);
      return;
    }
    const pace = paceOf(done, total, (now - state.startedAt) / 1000);
    this.#bar(stage, total === undefined ? undefined : share, amountOf(done, total, unit, pace));
  }

  /** Removes the bar, so that what is printed next starts on a line of its own. */
  clear(): void {
    if (!this.#barShown) return;
    this.#terminal.write('\r\u001b[K');
    this.#barShown = false;
  }

  /** @param said may quote data, so that it is shown in one line that commands no terminal */
  #line(level: LogLevel, stage: string, said: string, event?: LogEvent): void {
    const text = withoutControls(said);
    const marked = level === 'error' || level === 'warn' ? level : undefined;
    const time = new Date(this.#now()).toISOString();
    if (level !== 'debug' || this.#level === 'debug') {
      this.#keep(level, `${time} [${stage}] ${marked ? `${marked}: ` : ''}${text}\n`);
    }
    if (LEVELS.indexOf(level) > LEVELS.indexOf(this.#level)) return;
    this.clear();
    if (this.#json) {
      this.#terminal.write(`${jsonLine({ time, level, stage, message: said, ...event })}\n`);
      return;
    }
    const painted = marked && this.#color ? `\u001b[${COLORS[marked]}m${marked}:\u001b[0m ` : `${marked}: `;
    this.#terminal.write(`[${stage}] ${marked ? painted : ''}${text}\n`);
  }

  /** A file that is refused ends the run once; who is at his end already is not stopped from saying why. */
  #keep(level: LogLevel, line: string): void {
    const file = this.#file;
    try {
      file?.(line);
    } catch (error) {
      this.#file = undefined;
      if (level !== 'error') throw error;
    }
  }

  #bar(stage: string, share: number | undefined, text: string): void {
    if (LEVELS.indexOf('info') > LEVELS.indexOf(this.#level)) return;
    const filled = Math.round(Math.min(1, share ?? 0) * BAR_WIDTH);
    const bar = share === undefined ? '' : `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} `;
    const line = `[${stage}] ${bar}${withoutControls(text)}`;
    this.#terminal.write(`\r\u001b[K${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`);
    this.#barShown = true;
  }
}

/** `10 % (100 of 1000 samples)`, or how many where nobody knows of how many. */
function amountOf(done: number, total: number | undefined, unit: string, pace = ''): string {
  if (!total) return `${done} ${unit}${pace}`;
  return `${Math.floor((100 * done) / total)} % (${done} of ${total} ${unit}${pace})`;
}

/** Rate and time left. */
function paceOf(done: number, total: number | undefined, seconds: number): string {
  if (seconds <= 0 || done === 0) return '';
  const rate = done / seconds;
  const left = total && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : '';
  return `, ${rate >= 10 ? rate.toFixed(0) : rate.toFixed(2)}/s${left}`;
}
