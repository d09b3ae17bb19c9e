// A source that grows while somebody watches: pass after pass over all of it, each when there is something new and
// not too soon after the last one. Passes know nothing of each other; what one need not do again is their own affair.

import { setTimeout } from 'node:timers/promises';

/** What is there at one moment. */
export interface Look {
  /** Equal where a pass would find the same. */
  readonly version: string;
  /** Whether nothing is on its way at this moment. */
  readonly settled: boolean;
}

export interface Followed {
  /** Undefined where there is nothing to pass over. */
  look(): Promise<Look | undefined>;
  /** Works on all that is there. @returns whether that is done; else it is tried again */
  pass(): Promise<boolean>;
  /** Milliseconds between two looks, at least. */
  readonly pause: number;
  /**
   * Milliseconds from the end of a pass to the beginning of the next, at least; and at most from when something new
   * is there until it is passed over, though more may be on its way.
   */
  readonly interval: number;
}

/** Looking must not take more than this share of the time: there may be a million files on a slow disk. */
const LOOKING = 0.1;

/**
 * Looks and passes until `signal` aborts.
 *
 * @throws the reason of `signal`; whatever `look` and `pass` throw
 */
export async function follow({ look, pass, pause, interval }: Followed, signal: AbortSignal): Promise<never> {
  let done: string | undefined;
  let ended = Number.NEGATIVE_INFINITY;
  let newsAt: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const begin = performance.now();
    const found = await look();
    const now = performance.now();
    const isNew = found !== undefined && found.version !== done;
    newsAt = isNew ? (newsAt ?? now) : undefined;
    if (found && newsAt !== undefined && now >= ended + interval) {
      if (found.settled || now >= newsAt + interval) {
        signal.throwIfAborted();
        done = (await pass()) ? found.version : undefined;
        ended = performance.now();
        newsAt = undefined;
      }
    }
    await wait(Math.max(pause, (now - begin) / LOOKING), signal);
  }
}

async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch((error: Error) => {
    signal.throwIfAborted();
    throw error;
  });
}
