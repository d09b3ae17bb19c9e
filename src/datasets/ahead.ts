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
  const begun: Promise<R>[] = [];
  let next: Promise<IteratorResult<T>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && begun.length < most) next ??= handled(items.next());
      if (next && (begun.length === 0 || (await first(next, begun[0]!)))) {
        const taken = next;
        next = undefined;
        try {
          const { done, value } = await taken;
          if (done) ended = true;
          else begun.push(handled(work(value)));
        } catch (error) {
          ended = true;
          begun.push(handled(Promise.reject(error)));
        }
      } else if (begun.length > 0) {
        yield await begun.shift()!;
      } else return;
    }
  } finally {
    if (!ended) await items.return(undefined);
  }
}

/** Whether `one` settles before `other`. */
function first(one: Promise<unknown>, other: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    one.then(
      () => resolve(true),
      () => resolve(true),
    );
    other.then(
      () => resolve(false),
      () => resolve(false),
    );
  });
}

/** An error of it is dealt with when it is waited for, which may be never. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
