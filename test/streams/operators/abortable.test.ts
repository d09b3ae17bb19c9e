import { describe, expect, it } from 'vitest';
import { abortable } from '../../../streams/operators/abortable.ts';
import { marbles } from '../support/marbles.ts';

describe('abortable', () => {
  it('passes everything on without a signal, or while the signal is silent', () => {
    const { signal } = new AbortController();
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('a-b-|').pipe(abortable(undefined))).toBe('a-b-|');
      expectObservable(cold('a-b-|').pipe(abortable(signal))).toBe('a-b-|');
      expectObservable(cold('a|').pipe(abortable(signal))).toBe('a|');
      expectObservable(cold('--|').pipe(abortable(signal))).toBe('--|');
      expectObservable(cold('a-#').pipe(abortable(signal))).toBe('a-#');
    });
  });

  it('ends a stream that never ends with the reason, and unsubscribes its source', () => {
    const control = new AbortController();
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a-b-----');
      cold('-----x').subscribe(() => control.abort('enough'));
      expectObservable(source.pipe(abortable(control.signal))).toBe('a-b--#', undefined, 'enough');
      expectSubscriptions(source.subscriptions).toBe('^----!');
    });
  });

  it('does not subscribe when the signal has aborted already', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a|');
      expectObservable(source.pipe(abortable(AbortSignal.abort('late')))).toBe('#', undefined, 'late');
      expectSubscriptions(source.subscriptions).toBe([]);
    });
  });

  it('unsubscribes the source when unsubscribed, and lets go of the signal', () => {
    const control = new AbortController();
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('a-----');
      expectObservable(source.pipe(abortable(control.signal)), '--!').toBe('a--');
      expectSubscriptions(source.subscriptions).toBe('^-!');
    });
    expect(() => control.abort()).not.toThrow();
  });
});
