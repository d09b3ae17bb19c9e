import { from, lastValueFrom, type Observable, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { inOrder } from '../../../streams/operators/in-order.ts';
import { marbles } from '../support/marbles.ts';

describe('inOrder', () => {
  it('emits results in input order although later ones are ready earlier', () => {
    marbles(({ cold, expectObservable }) => {
      const work: Record<string, Observable<string>> = {
        a: cold('-----(A|)'),
        b: cold('-(B|)'),
        c: cold('--(C|)'),
      };
      const source = cold('abc|');
      expectObservable(source.pipe(inOrder(3, (item) => work[item]!))).toBe('-----(ABC|)');
    });
  });

  it('starts no more than `concurrency` at a time', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const a = cold('----(A|)');
      const b = cold('--(B|)');
      const c = cold('--(C|)');
      const work: Record<string, typeof a> = { a, b, c };
      expectObservable(cold('(abc|)').pipe(inOrder(2, (item) => work[item]!))).toBe('----(ABC|)');
      expectSubscriptions(a.subscriptions).toBe('^---!');
      expectSubscriptions(b.subscriptions).toBe('^-!');
      expectSubscriptions(c.subscriptions).toBe('--^-!');
    });
  });

  it('passes on one, none, and the end of the source only after the last result', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('a|').pipe(inOrder(2, () => cold('---(A|)')))).toBe('---(A|)');
      expectObservable(cold('---|').pipe(inOrder(2, () => cold('(A|)')))).toBe('---|');
    });
  });

  it('passes on an error of the source and of the work, and stops the rest', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      expectObservable(cold('a--#').pipe(inOrder(2, () => cold('-(A|)')))).toBe('-A-#');
      const slow = cold('--------(A|)');
      const work: Record<string, typeof slow> = { a: slow, b: cold('-#') };
      expectObservable(cold('ab--').pipe(inOrder(2, (item) => work[item]!))).toBe('--#');
      expectSubscriptions(slow.subscriptions).toBe('^-!');
    });
  });

  it('does not end before a source that never ends', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('a-b-').pipe(inOrder(2, (item) => cold('-(x|)', { x: item })))).toBe('-a-b-');
    });
  });

  it('unsubscribes the source and the work early', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a-----');
      const work = cold('--------(A|)');
      expectObservable(source.pipe(inOrder(2, () => work)), '---!').toBe('----');
      expectSubscriptions(source.subscriptions).toBe('^--!');
      expectSubscriptions(work.subscriptions).toBe('^--!');
    });
  });

  it('takes promises, and each subscription counts anew', async () => {
    const delays = [8, 1, 4, 0];
    const slowed = from(delays).pipe(
      inOrder(4, (ms) => new Promise<number>((resolve) => setTimeout(resolve, ms, ms))),
      toArray(),
    );
    expect(await lastValueFrom(slowed)).toEqual(delays);
    expect(await lastValueFrom(slowed)).toEqual(delays);
  });
});
