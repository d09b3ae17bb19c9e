import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ahead } from '../../src/datasets/ahead.ts';

/** Counts up; remembers how far, and whether it was ended. */
function counting(to: number, delay?: (n: number) => Promise<void>) {
  const seen = { given: 0, ended: false };
  async function* items() {
    try {
      for (let n = 0; n < to; n++) {
        await delay?.(n);
        seen.given = n + 1;
        yield n;
      }
    } finally {
      seen.ended = true;
    }
  }
  return { items: items(), seen };
}

const never = () => new Promise<never>(() => undefined);

async function collect(results: AsyncGenerator<number>): Promise<number[]> {
  const found: number[] = [];
  for await (const n of results) found.push(n);
  return found;
}

describe('working ahead', () => {
  it.each([1, 2, 7, 100])('gives results in order, %i at a time', async (most) => {
    const { items } = counting(20);
    const work = async (n: number) => {
      await setTimeout((n * 7) % 5);
      return n;
    };
    expect(await collect(ahead(items, most, work))).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it('asks for no more while those at work weigh enough', async () => {
    const { items, seen } = counting(10);
    const results = ahead(
      items,
      100,
      async (n) => n,
      (n) => (n === 0 ? 5 : 2),
      6,
    );
    expect((await results.next()).value).toBe(0);
    // the first weighs 5 and the second 2; only when the first was taken there is room for one more
    expect(seen.given).toBe(2);
    expect((await results.next()).value).toBe(1);
    await setTimeout(1);
    expect(seen.given).toBeLessThanOrEqual(4);
    expect(await collect(results)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('gives nothing of nothing', async () => {
    expect(await collect(ahead(counting(0).items, 4, async (n) => n))).toEqual([]);
  });

  it.each([1, 3])('works on %i at a time and no more', async (most) => {
    const { items, seen } = counting(20);
    let [running, largest] = [0, 0];
    const results = ahead(items, most, async (n) => {
      largest = Math.max(largest, ++running);
      await setTimeout(1);
      running--;
      return n;
    });
    await results.next();
    expect(seen.given).toBeLessThanOrEqual(most);
    await collect(results);
    expect(largest).toBe(most);
  });

  it('does not wait for items that are still to come', async () => {
    const { items } = counting(3, (n) => (n === 2 ? never() : Promise.resolve()));
    const results = ahead(items, 8, async (n) => n);
    expect([(await results.next()).value, (await results.next()).value]).toEqual([0, 1]);
  });

  it('goes on to the next items while the first is worked on', async () => {
    const { items, seen } = counting(20);
    const results = ahead(items, 4, (n) => (n === 0 ? setTimeout(30, n) : Promise.resolve(n)));
    expect(await results.next()).toEqual({ value: 0, done: false });
    expect(seen.given).toBe(4);
    await results.return(undefined);
  });

  it('throws what work throws, in its place, and ends the source', async () => {
    const { items, seen } = counting(20);
    const results = ahead(items, 4, async (n) => {
      if (n >= 2) throw new Error(`no ${n}`);
      return n;
    });
    expect([(await results.next()).value, (await results.next()).value]).toEqual([0, 1]);
    await expect(results.next()).rejects.toThrow('no 2');
    expect(seen.ended).toBe(true);
  });

  it('throws what the source throws, after what came before', async () => {
    const failing = (async function* () {
      yield 0;
      yield 1;
      throw new Error('torn');
    })();
    const results = ahead(failing, 4, (n) => setTimeout(5, n));
    expect([(await results.next()).value, (await results.next()).value]).toEqual([0, 1]);
    await expect(results.next()).rejects.toThrow('torn');
  });

  it('ends the source when nobody wants more', async () => {
    const { items, seen } = counting(20);
    for await (const n of ahead(items, 4, async (n) => n)) if (n === 3) break;
    expect(seen.ended).toBe(true);
  });
});
