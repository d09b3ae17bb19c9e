// Tumbling windows over an endless stream, with an estimate after each. What is gathered must be mergeable (counts,
// sums, sums of squares), so the total is the merger of its windows, whatever their size, and windows counted on
// different machines add up. A sliding window is the merger of the last few windows emitted here.

import { asyncScheduler, Observable, type OperatorFunction, type Subscription } from 'rxjs';

/** How items become something mergeable. `merge` is associative, `empty()` neutral, and neither argument is changed. */
export interface Tally<T, A> {
  empty(): A;
  /** Counts one item; may change `gathered` in place. */
  add(gathered: A, item: T): A;
  merge(left: A, right: A): A;
}

/** What one window held, and everything up to its end. */
export interface Window<A> {
  /** Position among the windows, from 0. */
  readonly index: number;
  /** Items in this window: `size`, or fewer in the last one and in those that time closed. */
  readonly count: number;
  readonly gathered: A;
  /** Merger of all windows up to and including this one. */
  readonly total: A;
}

/**
 * Emits one `Window` after every `size` items, and one for the rest when the source completes. A source without
 * items emits none.
 *
 * @param size         items a window, an integer of at least 1
 * @param milliseconds after the first item of a window until it is closed, however few they are; never when left out
 */
export function windowed<T, A>(
  size: number,
  tally: Tally<T, A>,
  milliseconds?: number,
): OperatorFunction<T, Window<A>> {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`expected a window of at least 1 item, found ${size}`);
  }
  return (source) =>
    new Observable((subscriber) => {
      let index = 0;
      let count = 0;
      let gathered = tally.empty();
      let total = tally.empty();
      let timer: Subscription | undefined;
      const close = () => {
        timer?.unsubscribe();
        total = tally.merge(total, gathered);
        const window = { index, count, gathered, total };
        index += 1;
        count = 0;
        gathered = tally.empty();
        subscriber.next(window);
      };
      subscriber.add(() => timer?.unsubscribe());
      return source.subscribe({
        next(item) {
          gathered = tally.add(gathered, item);
          count += 1;
          if (count === size) close();
          else if (count === 1 && milliseconds !== undefined)
            timer = asyncScheduler.schedule(close, milliseconds);
        },
        error: (error) => subscriber.error(error),
        complete() {
          if (count > 0) close();
          subscriber.complete();
        },
      });
    });
}
