// What a run says while it works: lines `[stage] text` on stderr and, with times, in the record's log file. On a
// terminal the progress of the current stage stands in one line that is rewritten; elsewhere it becomes a plain
// line every tenth of the work, but at most one a second and at least one in ten. Results never pass through here: they go to stdout.

/** How much is logged, least first. */
const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LEVELS)[number];

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

interface Progress {
  readonly stage: string;
  readonly startedAt: number;
  shownAt: number;
  shownShare: number;
}

export class Log {
  readonly #terminal: Terminal;
  readonly #level: LogLevel;
  readonly #now: () => number;
  #file: ((line: string) => void) | undefined;
  #progress: Progress | undefined;
  #barShown = false;

  constructor(terminal: Terminal, level: LogLevel, now: () => number = Date.now) {
    this.#terminal = terminal;
    this.#level = level;
    this.#now = now;
  }

  /** From here on lines go into a file as well, whatever the level of the terminal is, debug lines apart. */
  writeTo(file: (line: string) => void): void {
    this.#file = file;
  }

  error(stage: string, text: string): void {
    this.#line('error', stage, text);
  }

  warn(stage: string, text: string): void {
    this.#line('warn', stage, text);
  }

  info(stage: string, text: string): void {
    this.#line('info', stage, text);
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
        shownAt: now - (this.#terminal.isTTY ? REWRITE_MS : 0),
        shownShare: 0,
      };
    }
    const state = this.#progress;
    const share = total ? done / total : 0;
    const elapsed = now - state.shownAt;
    const due = this.#terminal.isTTY
      ? elapsed >= REWRITE_MS || done === total
      : (share >= state.shownShare + PLAIN_SHARE && elapsed >= PLAIN_MS.least) ||
        elapsed >= PLAIN_MS.most ||
        (done === total && state.shownShare < 1);
    if (!due) return;
    state.shownAt = now;
    state.shownShare = share;
    const text = describe(done, total, unit, (now - state.startedAt) / 1000);
    if (this.#terminal.isTTY) this.#bar(stage, total === undefined ? undefined : share, text);
    else this.info(stage, text);
  }

  /** Removes the bar, so that what is printed next starts on a line of its own. */
  clear(): void {
    if (!this.#barShown) return;
    this.#terminal.write('\r\u001b[K');
    this.#barShown = false;
  }

  #line(level: LogLevel, stage: string, text: string): void {
    const mark = level === 'error' || level === 'warn' ? `${level}: ` : '';
    if (level !== 'debug' || this.#level === 'debug') {
      this.#file?.(`${new Date(this.#now()).toISOString()} [${stage}] ${mark}${text}\n`);
    }
    if (LEVELS.indexOf(level) > LEVELS.indexOf(this.#level)) return;
    this.clear();
    this.#terminal.write(`[${stage}] ${mark}${text}\n`);
  }

  #bar(stage: string, share: number | undefined, text: string): void {
    if (LEVELS.indexOf('info') > LEVELS.indexOf(this.#level)) return;
    const filled = Math.round(Math.min(1, share ?? 0) * BAR_WIDTH);
    const bar = share === undefined ? '' : `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} `;
    const line = `[${stage}] ${bar}${text}`;
    this.#terminal.write(`\r\u001b[K${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`);
    this.#barShown = true;
  }
}

function describe(done: number, total: number | undefined, unit: string, seconds: number): string {
  const rate = seconds > 0 && done > 0 ? done / seconds : 0;
  const speed = rate > 0 ? `, ${rate >= 10 ? rate.toFixed(0) : rate.toFixed(2)}/s` : '';
  if (!total) return `${done} ${unit}${speed}`;
  const left = rate > 0 && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : '';
  return `${Math.floor((100 * done) / total)} % (${done} of ${total} ${unit}${speed}${left})`;
}
