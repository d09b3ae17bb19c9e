import { concat, NEVER, Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { pulled } from '../../../streams/operators/pulled.ts';

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* counting(log: string[]) {
  try {
    for (let i = 0; ; i++) {
      log.push(`made ${i}`);
      yield i;
    }
  } finally {
    log.push('ended');
  }
}

describe('pulled', () => {
  it.each([
    ['an array', [1, 2, 3]],
    ['a generator', new Set([1, 2, 3]).values()],
    ['an observable', of(1, 2, 3)],
    [
      'an observable of another time',
      new Observable<number>((subscriber) => {
        for (const n of [1, 2, 3]) setTimeout(() => subscriber.next(n), n);
        setTimeout(() => subscriber.complete(), 5);
      }),
    ],
  ])('takes all of %s', async (_, source) => {
    expect(await all(pulled(source))).toEqual([1, 2, 3]);
  });

  it('is empty where the source is', async () => {
    expect(await all(pulled([]))).toEqual([]);
    expect(await all(pulled(of()))).toEqual([]);
  });

  it('asks an async iterable for one item at a time, and ends it when left', async () => {
    const log: string[] = [];
    for await (const n of pulled(counting(log))) if (n === 1) break;
    expect(log).toEqual(['made 0', 'made 1', 'ended']);
  });

  it('gives what an observable emitted before its error, then throws that', async () => {
    const seen: number[] = [];
    const failing = concat(
      of(1, 2),
      throwError(() => new Error('source broke')),
    );
    const pulling = (async () => {
      for await (const n of pulled(failing)) seen.push(n);
    })();
    await expect(pulling).rejects.toThrow('source broke');
    expect(seen).toEqual([1, 2]);
  });

  it('unsubscribes when left before the end', async () => {
    let left = false;
    const endless = new Observable<number>((subscriber) => {
      const inner = concat(of(1), NEVER).subscribe(subscriber);
      return () => {
        left = true;
        inner.unsubscribe();
      };
    });
    for await (const _ of pulled(endless)) break;
    expect(left).toBe(true);
  });

  it.each([
    ['an observable', () => NEVER as Observable<number>],
    ['a generator', () => stuck()],
  ])('ends with the reason of its signal while %s is quiet', async (_, source) => {
    const stop = new AbortController();
    const pulling = all(pulled(source(), stop.signal));
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(pulling).rejects.toThrow('enough');
    await expect(all(pulled(source(), stop.signal))).rejects.toThrow('enough');
  });
});

async function* stuck(): AsyncGenerator<number> {
  await new Promise(() => undefined);
  yield 1;
}
