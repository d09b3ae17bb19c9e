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
    const watched = { promise, settled: false };
    const note = () => {
      watched.settled = true;
      wake?.();
    };
    // an error is dealt with when it is waited for, which may be never
    promise.then(note, note);
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
        const taken = next;
        next = undefined;
        try {
          const { done, value } = await taken.promise;
          if (done) ended = true;
          else begun.push(watch(work(value)));
        } catch (error) {
          ended = true;
          begun.push(watch(Promise.reject(error)));
        }
      } else if (begun[0]?.settled) {
        yield await begun.shift()!.promise;
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

interface Watched<T> {
  readonly promise: Promise<T>;
  settled: boolean;
}
