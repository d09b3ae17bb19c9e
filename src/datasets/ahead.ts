// Works on several items of a source at a time and gives the results in the order of the items. Nothing that is ready
// waits for items that are still to come, so that a slow source costs no delay.

/**
 * @param items ended when nobody wants more results, or when work fails
 * @param most  items at a time; with 1, the next is asked for when the result of the one before was taken
 * @param work  an error of it is thrown in its place
 */
export async function* ahead<T, R>(
  items: AsyncGenerator<T>,
  most: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  let wake: (() => void) | undefined;
  const watch = <V>(promise: Promise<V>): Watched<V> => {
    const watched: Watched<V> = { settled: false, value: undefined, error: undefined };
    promise.then(
      (value) => {
        watched.value = value;
        watched.settled = true;
        wake?.();
      },
      (error) => {
        // thrown in its place, which may never come
        watched.error = { error };
        watched.settled = true;
        wake?.();
      },
    );
    return watched;
  };
  const begun: Watched<R>[] = [];
  let next: Watched<IteratorResult<T>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && begun.length < most) next ??= watch(items.next());
      if (!next && begun.length === 0) return;
      if (next?.settled) {
        const { value: taken, error } = next;
        next = undefined;
        if (error) begun.push({ settled: true, value: undefined, error });
        else if (!taken!.done) begun.push(watch(work(taken!.value)));
        ended = error !== undefined || taken!.done === true;
      } else if (begun[0]?.settled) {
        const { value, error } = begun.shift()!;
        if (error) throw error.error;
        yield value as R;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    if (!ended) await items.return(undefined);
  }
}

/** What came of a promise; looked at instead of awaited. */
interface Watched<T> {
  settled: boolean;
  value: T | undefined;
  error: { readonly error: unknown } | undefined;
}
