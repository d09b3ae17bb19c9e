// Works on several items of a source at a time and gives the results in the order of the items. Nothing that is ready
// waits for items that are still to come, so that a slow source costs no delay.

/**
 * @param items  ended when nobody wants more results, or when work fails
 * @param most   items at a time; with 1, the next is asked for when the result of the one before was taken
 * @param work   an error of it is thrown in its place
 * @param weigh  of an item: the next is asked for while those at work weigh less than `heaviest`
 */
export async function* ahead<T, R>(
  items: AsyncGenerator<T>,
  most: number,
  work: (item: T) => Promise<R>,
  weigh: (item: T) => number = () => 0,
  heaviest = 1,
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
  const begun: Begun<R>[] = [];
  let weight = 0;
  const begin = (result: Watched<R>, heavy: number) => {
    begun.push({ result, heavy });
    weight += heavy;
  };
  let next: Watched<IteratorResult<T>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && begun.length < most && weight < heaviest) next ??= watch(items.next());
      if (!next && begun.length === 0) return;
      if (next?.settled) {
        const { value: taken, error } = next;
        next = undefined;
        if (error) begin({ settled: true, value: undefined, error }, 0);
        else if (!taken!.done) begin(watch(work(taken!.value)), weigh(taken!.value));
        ended = error !== undefined || taken!.done === true;
      } else if (begun[0]?.result.settled) {
        const { result, heavy } = begun.shift()!;
        const { value, error } = result;
        weight -= heavy;
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

/** An item at work, with its weight. */
interface Begun<R> {
  readonly result: Watched<R>;
  readonly heavy: number;
}

/** What came of a promise; looked at instead of awaited. */
interface Watched<T> {
  settled: boolean;
  value: T | undefined;
  error: { readonly error: unknown } | undefined;
}
