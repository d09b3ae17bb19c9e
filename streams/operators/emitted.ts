// Work that emits as it goes becomes an async iterable: the other way out of a pipeline, for those who take items one
// by one. Whoever takes slowly slows the work; whoever stops taking ends it.

import { once } from 'node:events';
import { PassThrough } from 'node:stream';

/** Items that wait for the consumer; the work goes on until then. */
const ROOM = 16;

/**
 * Yields what `work` emits, until it ends. An error of the work is thrown to the consumer; what it emitted before and
 * nobody has taken yet is lost.
 *
 * @param work   awaits each `emit`; is to stop when its signal aborts, which it does when the consumer stops early too.
 *               Begins with the first item that is asked for
 * @param signal ends work and iteration with its reason
 */
export async function* emitted<T extends object>(
  work: (emit: (item: T) => Promise<void>, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const left = new AbortController();
  const either = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  const pipe = new PassThrough({ objectMode: true, highWaterMark: ROOM });
  const emit = async (item: T) => {
    either.throwIfAborted();
    if (!pipe.write(item)) await once(pipe, 'drain', { signal: either });
  };
  const done = work(emit, either).then(
    () => void pipe.end(),
    (error: unknown) => void pipe.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  try {
    for await (const item of pipe) yield item as T;
  } catch (error) {
    // workers that were sent away fail in words of their own
    throw signal?.aborted ? signal.reason : error;
  } finally {
    left.abort();
    await done;
  }
}
