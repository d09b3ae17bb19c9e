// Keeps what flows by in a sink, such as a journal on disk, which is closed however the stream ends: what comes after
// the end may replay it.

import { finalize, type MonoTypeOperatorFunction, pipe, tap } from 'rxjs';
import type { Sink } from '../../src/files/journal.ts';

/** Appends each item to `sink`, then emits it; the sink is closed as `closing` does. */
export function journalled<T>(sink: Sink<T>): MonoTypeOperatorFunction<T> {
  return pipe(
    tap((item) => sink.append(item)),
    closing(sink),
  );
}

/** Closes `sink` before the end is passed on, and on errors and on unsubscribing too. */
export function closing<T>(sink: Pick<Sink<T>, 'close'>): MonoTypeOperatorFunction<T> {
  return pipe(
    tap({ complete: () => sink.close() }),
    finalize(() => sink.close()),
  );
}
