import { from, lastValueFrom, of, throwError, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Either, quarantine } from '../../../streams/operators/quarantine.ts';
import { marbles } from '../support/marbles.ts';

type Item = Either<string, number>;
const items = {
  a: { ok: true, value: 'A' },
  b: { ok: true, value: 'B' },
  x: { ok: false, bad: 1 },
  y: { ok: false, bad: 2 },
} satisfies Record<string, Item>;

describe('quarantine', () => {
  it('passes good values on and puts bad ones aside', () => {
    const aside: number[] = [];
    marbles(({ cold, expectObservable }) => {
      const source = cold<Item>('axyb|', items).pipe(quarantine((bad) => of(aside.push(bad))));
      expectObservable(source).toBe('A--B|');
    });
    expect(aside).toEqual([1, 2]);
  });

  it('waits until a bad value is put aside before going on', () => {
    marbles(({ cold, expectObservable }) => {
      const source = cold<Item>('(xa|)', items).pipe(quarantine(() => cold('---|')));
      expectObservable(source).toBe('---(A|)');
    });
  });

  it('handles an empty source, one good, one bad', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold<Item>('--|').pipe(quarantine(() => of(0)))).toBe('--|');
      expectObservable(cold<Item>('a|', items).pipe(quarantine(() => of(0)))).toBe('A|');
      expectObservable(cold<Item>('x|', items).pipe(quarantine(() => of(0)))).toBe('-|');
    });
  });

  it('passes on errors of the source and of the place aside', () => {
    marbles(({ cold, expectObservable }) => {
      expectObservable(cold<Item>('a-#', items).pipe(quarantine(() => of(0)))).toBe('A-#');
      const full = cold<Item>('a-x-', items).pipe(quarantine(() => throwError(() => 'error')));
      expectObservable(full).toBe('A-#');
    });
  });

  it('goes on with a source that never ends, and unsubscribes it early', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source = cold<Item>('a-x-b---', items);
      expectObservable(source.pipe(quarantine(() => of(0))), '------!').toBe('A---B--');
      expectSubscriptions(source.subscriptions).toBe('^-----!');
    });
  });

  it('awaits promises in order', async () => {
    const aside: number[] = [];
    const slow = (bad: number) =>
      new Promise<void>((resolve) => setTimeout(() => resolve(void aside.push(bad)), 4 - bad * 2));
    const good = from<Item[]>([items.x, items.y, items.a]).pipe(quarantine(slow), toArray());
    expect(await lastValueFrom(good)).toEqual(['A']);
    expect(aside).toEqual([1, 2]);
  });
});
