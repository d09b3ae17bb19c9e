// Several sequences, each in ascending order, become one in ascending order: how samples that were settled at
// different times leave in the order in which they came. Pulls one item ahead of each source, so that merging
// journals takes no memory.

/**
 * Yields the items of all `sources` by ascending `key`; equal keys in the order of the sources.
 * Ends all sources when the consumer stops early.
 *
 * @param sources each ascending by `key`
 */
export async function* merged<T>(
  sources: readonly AsyncIterable<T>[],
  key: (item: T) => number,
): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      const least = leastHead(heads, key);
      const head = heads[least];
      if (!head || head.done) return;
      yield head.value;
      heads[least] = await iterators[least]!.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

/** Index of the first head with the least key; −1 when all sources have ended. */
function leastHead<T>(heads: readonly IteratorResult<T>[], key: (item: T) => number): number {
  let least = -1;
  let bound = Number.POSITIVE_INFINITY;
  for (const [index, head] of heads.entries()) {
    if (head.done || key(head.value) >= bound) continue;
    least = index;
    bound = key(head.value);
  }
  return least;
}
