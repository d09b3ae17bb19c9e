import { from, lastValueFrom, map, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Tally, windowed } from '../../../streams/operators/windowed.ts';
import { marbles } from '../support/marbles.ts';

const letters: Tally<string, string> = {
  empty: () => '',
  add: (gathered, item) => gathered + item,
  merge: (left, right) => left + right,
};

/** The items of the window, a colon, and everything so far. */
const shown = (size: number, milliseconds?: number) => (source: import('rxjs').Observable<string>) =>
  source.pipe(
    windowed(size, letters, milliseconds),
    map(({ index, count, gathered, total }) => `${index}/${count} ${gathered}:${total}`),
  );

describe('windowed', () => {
  it('emits after each full window, and the rest at the end', () => {
    marbles(({ cold, expectObservable }) => {
      const values = { x: '0/2 ab:ab', y: '1/2 cd:abcd', z: '2/1 e:abcde' };
      expectObservable(cold('a-b-c-d-e-|').pipe(shown(2))).toBe('--x---y---(z|)', values);
      expectObservable(cold('abcd|').pipe(shown(2))).toBe('-x-y|', values);
    });
  });

  it('handles an empty source and one item', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('--|').pipe(shown(2))).toBe('--|');
      expectObservable(cold('a-|').pipe(shown(2))).toBe('--(x|)', { x: '0/1 a:a' });
    });
  });

  it('passes on an error without an estimate of the broken window', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold('abc#').pipe(shown(2))).toBe('-x-#', { x: '0/2 ab:ab' });
    });
  });

  it('goes on with a source that never ends, and unsubscribes it early', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold('ab---c---');
      expectObservable(source.pipe(shown(2)), '------!').toBe('-x-----', { x: '0/2 ab:ab' });
      expectSubscriptions(source.subscriptions).toBe('^-----!');
    });
  });

  it('starts from nothing at each subscription', () => {
    marbles(({ cold, expectObservable }) => {
      const windows = cold('a|').pipe(shown(1));
      expectObservable(windows).toBe('x|', { x: '0/1 a:a' });
      expectObservable(windows).toBe('x|', { x: '0/1 a:a' });
    });
  });

  it('ends with the same total whatever the size', async () => {
    const totals = [1, 3, 5, 100].map((size) =>
      lastValueFrom(
        from('abcdefgh').pipe(
          windowed(size, letters),
          map((window) => window.total),
          toArray(),
        ),
      ),
    );
    for (const seen of await Promise.all(totals)) expect(seen.at(-1)).toBe('abcdefgh');
  });

  it('closes a window when its time is up, and begins the time of the next with its first item', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const values = { x: '0/2 ab:ab', y: '1/1 c:abc', z: '2/2 de:abcde', w: '3/1 f:abcdef' };
      const source = cold('ab-------c-----de-f-|');
      expectObservable(source.pipe(shown(2, 4))).toBe('-x-----------y--z---(w|)', values);
      const slow = cold('a-bc------d#');
      const early = { x: '0/3 abc:abc' };
      expectObservable(slow.pipe(shown(9, 5))).toBe('-----x-----#', early);
      const endless = cold('a-----');
      expectObservable(endless.pipe(shown(9, 5)), '---!').toBe('------');
      expectSubscriptions(endless.subscriptions).toBe('^--!');
    });
  });

  it('refuses a window without items', () => {
    expect(() => windowed(0, letters)).toThrow('expected a window of at least 1 item, found 0');
  });
});
