// Whatever gives items becomes something to pull from. Iterables are pulled as they are, so that a slow pipeline
// slows them; an observable knows no such thing, and what it gives too early waits in memory.

import { from, type Observable, type Subscription } from 'rxjs';

/** An array, a generator, a Node.js stream of objects, or an observable. */
export type Pullable<T> = AsyncIterable<T> | Iterable<T> | Pick<Observable<T>, 'subscribe'>;

/** Yields the items of `source` in their order; ends it when the consumer stops early. An error is passed on. */
export async function* pulled<T>(source: Pullable<T>): AsyncGenerator<T> {
  if (Symbol.asyncIterator in source || Symbol.iterator in source) yield* source;
  else yield* queued(source);
}

async function* queued<T>(source: Pick<Observable<T>, 'subscribe'>): AsyncGenerator<T> {
  const early: T[] = [];
  let ended = false;
  let failed: { readonly error: unknown } | undefined;
  let wake: () => void = () => undefined;
  let subscription: Subscription | undefined;
  try {
    subscription = from(source as Observable<T>).subscribe({
      next(item) {
        early.push(item);
        wake();
      },
      error(error: unknown) {
        failed = { error };
        wake();
      },
      complete() {
        ended = true;
        wake();
      },
    });
    for (;;) {
      const items = early.splice(0);
      yield* items;
      if (items.length > 0) continue;
      if (failed) throw failed.error;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    subscription?.unsubscribe();
  }
}
