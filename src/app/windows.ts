// The side stream of windows (`--windows FILE|fd:N`): a line of JSON for each window as it closes, so that others can
// watch while a dataset flows and see when an attack begins. A reader that has seen enough ends its own stream only.

import { closeSync, createWriteStream, fstatSync, open, openSync, readSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import type { Estimate, OnEstimate } from '../../streams/stages/detect.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import { ConfigError, OutputError, unwritten, writing } from '../errors.ts';
import type { State } from '../state/state.ts';
import type { Context } from './context.ts';

const DESCRIPTOR = /^fd:(\d+)$/;
/** What a reader leaves behind that went away. */
const UNREAD: readonly unknown[] = ['EPIPE', 'ECONNRESET'];
/** Of every line. */
const LINE_START = '{"window":';

/** Runs `work` with the configured side stream, or with one that goes nowhere; it is complete when `work` is done. */
export async function withWindows<T>(
  context: Context,
  state: State | undefined,
  work: (tell: OnEstimate) => Promise<T>,
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
): Promise<Writable> {
  const descriptor = DESCRIPTOR.exec(target)?.[1];
  if (descriptor !== undefined) return openDescriptor(target, Number(descriptor));
  const path = resolve(target);
  if (!(await state?.owns(path))) checkFree(path, settings.overwrite);
  await state?.claim(path);
  const fd = await promisify(open)(path, 'w').catch(unwritten(target));
  return pipeOf(fd) ?? heard(createWriteStream(path, { fd }));
}

/** Pipes of the caller that are in use, or that nobody reads any more: their numbers may be those of other files then. */
const pipes = new Map<number, Socket>();

function openDescriptor(target: string, descriptor: number): Writable {
  const known = pipes.get(descriptor);
  if (known) return known;
  try {
    // the first three are streams of the process already
    const pipe = descriptor > 2 ? pipeOf(descriptor) : undefined;
    if (pipe) pipes.set(descriptor, pipe);
    return pipe ?? heard(createWriteStream('', { fd: descriptor, autoClose: false }));
  } catch (error) {
    throw new ConfigError(
      `detect.windows: expected an open file descriptor, found ${target}; open it, as in ${descriptor}>windows.ndjson`,
      { cause: error },
    );
  }
}

/** A pipe that holds up no thread while it is full; undefined where the descriptor is none. */
function pipeOf(fd: number): Socket | undefined {
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket() ? heard(new Socket({ fd, readable: false })) : undefined;
}

/** Who writes is told of errors already. */
function heard<S extends Writable>(stream: S): S {
  return stream.on('error', () => undefined);
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
  readonly #name: string;
  readonly #stream: Writable;
  readonly #context: Context;
  /** Whether the stream is for the next pass, too. */
  readonly #lasts: boolean;
  #over: boolean;

  constructor(name: string, stream: Writable, context: Context) {
    this.#name = name;
    this.#stream = stream;
    this.#context = context;
    this.#lasts = [...pipes.values()].some((pipe) => pipe === stream);
    this.#over = stream.destroyed;
  }

  /** Resolves when the line is handed over, so that a slow reader slows who writes. @throws {OutputError} */
  async write(line: object): Promise<void> {
    if (this.#over) return;
    this.#check(await new Promise((done) => this.#stream.write(`${JSON.stringify(line)}\n`, done)));
  }

  /** A reader that does not read keeps nobody who was told to end. @throws {OutputError} */
  async end(): Promise<void> {
    if (this.#over || this.#lasts) return;
    if (this.#context.signal.aborted && this.#stream instanceof Socket) this.#stream.destroy();
    else this.#check(await new Promise((done) => this.#stream.end(done)));
  }

  #check(error: NodeJS.ErrnoException | null | undefined): void {
    if (!error || this.#over) return;
    this.#over = true;
    if (!UNREAD.includes(error.code)) throw OutputError.of(this.#name, error);
    const event = { event: 'unread', target: this.#name } as const;
    this.#context.log.warn('detect', `nobody reads ${this.#name} any more; windows go nowhere`, event);
  }
}
