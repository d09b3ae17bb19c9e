// The side stream of windows (`--windows FILE|fd:N`): a line of JSON for each window as it closes, so that others can
// watch while a dataset flows and see when an attack begins. A reader that has seen enough ends its own stream only.

import { closeSync, createWriteStream, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Estimate } from '../../streams/stages/detect.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import { ConfigError, OutputError, writing } from '../errors.ts';
import type { State } from '../state/state.ts';
import type { Context } from './commands.ts';

const DESCRIPTOR = /^fd:(\d+)$/;
/** Of every line. */
const LINE_START = '{"window":';

/** Runs `work` with the configured side stream, or with one that goes nowhere; it is complete when `work` is done. */
export async function withWindows<T>(
  context: Context,
  state: State | undefined,
  work: (tell: (estimate: Estimate) => void) => Promise<T>,
): Promise<T> {
  const { windows } = context.settings.detect;
  if (windows === null) return work(() => undefined);
  const stream = new SideStream(windows, await openTarget(windows, context, state), context);
  try {
    return await work((estimate) => stream.write(lineOf(estimate)));
  } finally {
    await stream.end();
  }
}

/** What a line says; docs/growing.md explains it. */
function lineOf({ window, count, table, recent, running }: Estimate): object {
  return { window, samples: count, table, estimate: summaryOf(recent), running: summaryOf(running) };
}

/** A verdict without what only explains it. */
function summaryOf({ targetLabels, samples, classes }: Verdict): object {
  return {
    targetLabels,
    samples,
    classes: classes.map(({ label, state, metric, score, pValue }) => ({
      label,
      state,
      metric,
      score,
      pValue,
    })),
  };
}

/** @throws {ConfigError} when there is no such descriptor, or something stands at the path that is not ours */
async function openTarget(
  target: string,
  { settings }: Context,
  state: State | undefined,
): Promise<NodeJS.WritableStream> {
  const descriptor = DESCRIPTOR.exec(target)?.[1];
  if (descriptor !== undefined) {
    try {
      fstatSync(Number(descriptor));
    } catch (error) {
      throw new ConfigError(
        `detect.windows: expected an open file descriptor, found ${target}; open it, as in ${descriptor}>windows.ndjson`,
        { cause: error },
      );
    }
    return createWriteStream('', { fd: Number(descriptor), autoClose: false });
  }
  const path = resolve(target);
  if (!(await state?.owns(path))) checkFree(path, settings.overwrite);
  await state?.claim(path);
  return createWriteStream(path);
}

/** Overwriting is asked for where a record is replaced: that goes for its windows, and for no other file. */
function checkFree(path: string, overwrite: boolean): void {
  if (!writing(path, () => statSync(path, { throwIfNoEntry: false }))?.isFile()) return;
  const ours = holdsWindows(path);
  if (ours && overwrite) return;
  const remedy = ours ? 'choose another one or pass --overwrite' : 'choose another one';
  throw new ConfigError(`detect.windows: expected a new file, found ${path}; ${remedy}`);
}

/** Whether a file begins as {@link lineOf} does, or is empty, as where a run ended before the first line. */
function holdsWindows(path: string): boolean {
  const start = Buffer.alloc(LINE_START.length);
  const file = openSync(path, 'r');
  try {
    const length = readSync(file, start);
    return length === 0 || start.equals(Buffer.from(LINE_START));
  } finally {
    closeSync(file);
  }
}

class SideStream {
  readonly #stream: NodeJS.WritableStream;
  #failure: Error | undefined;
  #over = false;

  constructor(name: string, stream: NodeJS.WritableStream, { log }: Context) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#over = true;
      if (error.code === 'EPIPE') log.warn('detect', `nobody reads ${name} any more; windows go nowhere`);
      else this.#failure = OutputError.of(name, error);
    });
  }

  /** @throws {OutputError} when an earlier line could not be written */
  write(line: object): void {
    if (this.#failure) throw this.#failure;
    if (!this.#over) this.#stream.write(`${JSON.stringify(line)}\n`);
  }

  async end(): Promise<void> {
    if (!this.#over) {
      await new Promise<void>((done) => {
        this.#stream.once('error', () => done());
        this.#stream.end(() => done());
      });
    }
    if (this.#failure) throw this.#failure;
  }
}
