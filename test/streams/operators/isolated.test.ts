import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/errors.ts';
import { isolated } from '../../../streams/operators/isolated.ts';

const failure = { code: 'sample', message: 'odd' };

/** Doubles even numbers; a batch with an odd one fails. */
function doubling() {
  const calls: (readonly number[])[] = [];
  const work = async (items: readonly number[]): Promise<Outcome<readonly number[]>> => {
    calls.push(items);
    return items.some((n) => n % 2) ? { ok: false, failure } : { ok: true, value: items.map((n) => 2 * n) };
  };
  return { calls, work };
}

describe('isolated', () => {
  it('works on a good batch at once', async () => {
    const { calls, work } = doubling();
    expect(await isolated([2, 4], work)).toEqual([{ items: [2, 4], outcome: { ok: true, value: [4, 8] } }]);
    expect(calls).toEqual([[2, 4]]);
  });

  it('tries each item alone when the batch fails, and keeps their order', async () => {
    const { calls, work } = doubling();
    expect(await isolated([2, 3, 4], work)).toEqual([
      { items: [2], outcome: { ok: true, value: [4] } },
      { items: [3], outcome: { ok: false, failure } },
      { items: [4], outcome: { ok: true, value: [8] } },
    ]);
    expect(calls).toEqual([[2, 3, 4], [2], [3], [4]]);
  });

  it('tries one item once', async () => {
    const { calls, work } = doubling();
    expect(await isolated([3], work)).toEqual([{ items: [3], outcome: { ok: false, failure } }]);
    expect(calls).toEqual([[3]]);
  });

  it('passes on a rejection: machinery that failed is not the fault of an item', async () => {
    await expect(isolated([1, 2], () => Promise.reject(new Error('worker died')))).rejects.toThrow(
      'worker died',
    );
  });
});
