// Back-pressure for RxJS, which has none: `from(asyncIterable)` pulls as fast as the source can yield. Here a
// source is pulled only while there is credit; whoever has done with an item gives its credit back. One `Credit`
// shared by all parts of a pipeline bounds what is in flight between the reader and the sink.

import { Observable, type Subscriber } from 'rxjs';

/**
 * A counter of items in flight. Every item that `credited` emits has taken one; whoever ends an item's way
 * (writes it, quarantines it, puts it into a journal) gives it back, exactly once.
 */
export class Credit {
  readonly limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param limit most items in flight at a time, an integer of at least 1 */
  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new RangeError(`expected a credit limit of at least 1, found ${limit}`);
    }
    this.limit = limit;
  }

  /** Items in flight now, in [0, limit]. */
  get inFlight(): number {
    return this.#taken;
  }

  /** Resolves once an item may enter, in the order of the calls. */
  take(): Promise<void> {
    if (this.#taken < this.limit) {
      this.#taken += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets the next item enter: one that was in flight has ended. */
  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else if (this.#taken > 0) this.#taken -= 1;
    else throw new RangeError('expected an item in flight, found none; credit was given back twice');
  }
}

/**
 * Emits the items of `source`, pulling one only when credit is left. Unsubscribing stops the pulling and calls
 * the iterator's `return`, so that a generator's `finally` closes its files. An error of the source is passed on.
 */
export function credited<T>(source: AsyncIterable<T> | Iterable<T>, credit: Credit): Observable<T> {
  return new Observable((subscriber) => {
    const iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    let exhausted = false;
    pump(iterator, credit, subscriber).then(
      () => {
        exhausted = true;
        subscriber.complete();
      },
      (error: unknown) => {
        exhausted = true;
        subscriber.error(error);
      },
    );
    return () => {
      // A failing clean-up has no subscriber left to tell; it surfaces as an unhandled rejection.
      if (!exhausted) void iterator.return?.();
    };
  });
}

async function pump<T>(
  iterator: AsyncIterator<T> | Iterator<T>,
  credit: Credit,
  subscriber: Subscriber<T>,
): Promise<void> {
  while (!subscriber.closed) {
    await credit.take();
    if (subscriber.closed) return credit.give();
    const next = await iterator.next();
    if (next.done || subscriber.closed) return credit.give();
    subscriber.next(next.value);
  }
}
