// A source that grows while somebody watches: pass after pass over all of it, each when there is something new and
// not too soon after the last one. Passes know nothing of each other; what one need not do again is their own affair.

import { setTimeout } from 'node:timers/promises';

export interface Followed {
  /** What is there now, by a name that changes with it; undefined where there is nothing to pass over. */
  look(): Promise<string | undefined>;
  /** Works on all that is there. @returns whether that is done; else it is tried again */
  pass(): Promise<boolean>;
  /** Milliseconds between two looks, at least. */
  readonly pause: number;
  /** Milliseconds from the end of a pass to the beginning of the next, at least. */
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
  let next = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    const begin = performance.now();
    const found = await look();
    const now = performance.now();
    if (found !== undefined && found !== done && now >= next) {
      signal.throwIfAborted();
      done = (await pass()) ? found : undefined;
      next = performance.now() + interval;
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
