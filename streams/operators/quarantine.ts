// Splits a stream of outcomes: good values go on, bad ones go aside. Bad data is data; it must never reach the
// error channel of RxJS, which would end the run for everyone. What to do with it is the caller's to say.

import { concatMap, defer, ignoreElements, type ObservableInput, type OperatorFunction, of } from 'rxjs';

/** Something good or something bad, told apart by `ok`. */
export type Either<T, B> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly bad: B };

/**
 * Passes the good values on in their order and waits for `aside` to complete for each bad one before going on.
 * An error of `aside` (a full disk) ends the stream with that error.
 */
export function quarantine<T, B>(
  aside: (bad: B) => ObservableInput<unknown>,
): OperatorFunction<Either<T, B>, T> {
  return concatMap((item) =>
    item.ok ? of(item.value) : defer(() => aside(item.bad)).pipe(ignoreElements()),
  );
}
