// Ends a stream from outside, by the platform's own means: an `AbortSignal`.

import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

/** Passes everything on until `signal` aborts; then unsubscribes the source and errors with the signal's reason. */
export function abortable<T>(signal: AbortSignal | undefined): MonoTypeOperatorFunction<T> {
  return (source) => {
    if (!signal) return source;
    return new Observable((subscriber) => {
      const abort = () => subscriber.error(signal.reason);
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      subscriber.add(() => signal.removeEventListener('abort', abort));
      subscriber.add(source.subscribe(subscriber));
    });
  };
}
