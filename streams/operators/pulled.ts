// Whatever gives items becomes something to pull from. Iterables are pulled as they are, so that a slow pipeline
// slows them; an observable knows no such thing, and what it gives too early waits in memory. Nobody has to wait for
// the next item of a quiet source in order to end.

import { from, type Observable, type Subscription } from 'rxjs';

/** An array, a generator, a Node.js stream of objects, or an observable. */
export type Pullable<T> = AsyncIterable<T> | Iterable<T> | Pick<Observable<T>, 'subscribe'>;

/**
 * Yields the items of `source` in their order; ends it when the consumer stops early. An error is passed on.
 *
 * @param signal ends it, too, with its reason
 */
export function pulled<T>(source: Pullable<T>, signal?: AbortSignal): AsyncGenerator<T> {
  if (Symbol.asyncIterator in source) return iterated(source[Symbol.asyncIterator](), signal);
  if (Symbol.iterator in source) return iterated(source[Symbol.iterator](), signal);
  return queued(source, signal);
}

/** Gives `work` the items of `source`, which ends with it, however that ends and whatever the source waits for. */
export async function pulling<T, R>(
  source: Pullable<T>,
  signal: AbortSignal,
  work: (items: AsyncGenerator<T>) => Promise<R>,
): Promise<R> {
  const over = new AbortController();
  const items = pulled(source, AbortSignal.any([signal, over.signal]));
  try {
    return await work(items);
  } finally {
    over.abort();
    await items.return(undefined);
  }
}

async function* iterated<T>(
  iterator: AsyncIterator<T> | Iterator<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  let ended = false;
  try {
    for (;;) {
      const next = await unlessAborted(Promise.resolve(iterator.next()), signal);
      ended = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    ended = true;
    // an iterator that is being waited for ends when its item has come, which may be never
    if (signal?.aborted) void iterator.return?.();
    throw error;
  } finally {
    if (!ended) await iterator.return?.();
  }
}

/** Settles as `work` does, or rejects with the reason of the signal, whichever comes first. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

async function* queued<T>(
  source: Pick<Observable<T>, 'subscribe'>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  const early: T[] = [];
  let ended = false;
  let failed: { readonly error: unknown } | undefined;
  let wake: () => void = () => undefined;
  const fail = (error: unknown) => {
    failed ??= { error };
    wake();
  };
  const abort = () => fail(signal?.reason);
  let subscription: Subscription | undefined;
  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort, { once: true });
    subscription = from(source as Observable<T>).subscribe({
      next(item) {
        early.push(item);
        wake();
      },
      error: fail,
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
    signal?.removeEventListener('abort', abort);
    subscription?.unsubscribe();
  }
}
