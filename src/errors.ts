// Every error that this project throws on purpose: one class a kind, each with a stable `code` and the exit
// code that the command line ends with. Messages say what was expected, what was found and what to do.
// Errors lose their class when they cross a thread, so between threads a `Failure` travels as plain data.

/** A failure as plain data: crosses threads, goes into `quarantine.ndjson`. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The result of something that may fail on bad data without ending the run. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Of a message; it may quote what somebody else wrote. */
const MOST_CHARACTERS = 2000;

/** Base of all errors that are expected: the command line prints `message` without a stack and exits with `exitCode`. */
export class DataElixirError extends Error {
  readonly code: string = 'failed';
  readonly exitCode: number = 1;

  /** @param message cut in its middle where it quotes more than anybody reads: its end says what to do */
  constructor(message: string, options?: ErrorOptions) {
    super(message.length > MOST_CHARACTERS ? withoutMiddle(message) : message, options);
    this.name = new.target.name;
  }
}

function withoutMiddle(message: string): string {
  const half = MOST_CHARACTERS / 2 - 2;
  return `${message.slice(0, half)} … ${message.slice(-half)}`;
}

/** Wrong option, configuration file, environment variable or usage. Exit code 2. */
export class ConfigError extends DataElixirError {
  override readonly code = 'config';
  override readonly exitCode = 2;
}

/** Tensors, images or weights of another shape than expected. */
export class ShapeError extends DataElixirError {
  override readonly code = 'shape';
}

/** A dataset that cannot be read at all (missing, empty, unknown format, damaged header). Exit code 3. */
export class DatasetError extends DataElixirError {
  override readonly code: string = 'dataset';
  override readonly exitCode: number = 3;
}

/**
 * A file that cannot be opened or read at this moment, though nothing may be wrong with it. Exit code 75, which says that
 * the same command may work the next time (EX_TEMPFAIL of sysexits.h).
 */
export class UnreadableError extends DatasetError {
  override readonly code = 'unreadable';
  override readonly exitCode = 75;

  /** @param cause what the system said */
  static of(path: string, cause: NodeJS.ErrnoException): UnreadableError {
    const remedy = isOutOfFiles(cause) ? 'allow more open files (ulimit -n), or ' : '';
    return new UnreadableError(
      `expected to open and read ${path}, found: ${cause.message}; this may pass: ${remedy}run it again`,
      { cause },
    );
  }
}

/** Whether the process, or the machine, has as many files open as it may. */
function isOutOfFiles({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EMFILE' || code === 'ENFILE';
}

/** A file that this user may not read, by its own permissions. Exit code 3. */
export class ForbiddenError extends DatasetError {
  override readonly code = 'forbidden';
}

/** One sample that cannot be read or does not fit; the sample is quarantined and the run goes on. */
export class SampleError extends DataElixirError {
  override readonly code = 'sample';
}

/** A checkpoint or weight file that is damaged, unsafe, or does not fit the network. Exit code 4. */
export class WeightsError extends DataElixirError {
  override readonly code = 'weights';
  override readonly exitCode = 4;
}

/** The compute engine is missing or failed. Exit code 5. */
export class EngineError extends DataElixirError {
  override readonly code = 'engine';
  override readonly exitCode = 5;
}

/** A state that is in use, of another purification or of a later version. Exit code 6. */
export class StateError extends DataElixirError {
  override readonly code = 'state';
  override readonly exitCode = 6;
}

/** An output that is in use, or that the disk does not take. Exit code 7. */
export class OutputError extends DataElixirError {
  override readonly code = 'output';
  override readonly exitCode = 7;

  /** @param cause what the system said; an error that is one of this project's already stays as it is */
  static of(path: string, cause: Error): DataElixirError {
    if (cause instanceof DataElixirError) return cause;
    if (isOutOfFiles(cause)) return UnreadableError.of(path, cause);
    return new OutputError(
      `expected to write ${path}, found: ${cause.message}; check disk space and rights, or choose another place`,
      { cause },
    );
  }
}

/** Writes, and throws what the system has against that as an {@link OutputError}. */
export function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw OutputError.of(path, error as Error);
  }
}

/** The same for a promise: `.catch(unwritten(path))`. */
export function unwritten(path: string): (cause: Error) => never {
  return (cause) => {
    throw OutputError.of(path, cause);
  };
}

/** What only who writes is told: the disk, the quota or the largest size of a file is reached, or nothing may be written. */
const WRITE_CODES: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS'];

/** The error as one of this project's where it can be told that files ran out, or that an output was refused. */
export function recognised(error: unknown): unknown {
  if (error instanceof DataElixirError || !(error instanceof Error)) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (isOutOfFiles(error)) return UnreadableError.of(path ?? 'a file', error);
  return WRITE_CODES.includes(code) ? OutputError.of(path ?? 'the results', error) : error;
}

/** A verdict that the user asked to fail on; all results are written. Exit code 8. */
export class PoisonError extends DataElixirError {
  override readonly code = 'poison';
  override readonly exitCode = 8;
}

/**
 * A worker thread died of a task, and another one that tried it, too. Where the task is one sample, that is quarantined;
 * else exit code 5.
 */
export class WorkerError extends DataElixirError {
  override readonly code = 'worker';
  override readonly exitCode = 5;
}

/** Turns anything thrown into data, keeping the code of this project's own errors. */
export function toFailure(error: unknown): Failure {
  if (error instanceof DataElixirError) return { code: error.code, message: error.message };
  return { code: 'failed', message: error instanceof Error ? error.message : String(error) };
}

const CLASSES = [
  ConfigError,
  ShapeError,
  DatasetError,
  SampleError,
  WeightsError,
  EngineError,
  OutputError,
  WorkerError,
];

/** The error that a failure stands for, in the class of its code. */
export function fromFailure({ code, message }: Failure): DataElixirError {
  const errors = CLASSES.map((kind) => new kind(message));
  return errors.find((error) => error.code === code) ?? new DataElixirError(message);
}
