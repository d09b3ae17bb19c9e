import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { emitted } from '../../../streams/operators/emitted.ts';

describe('emitted', () => {
  it('yields what the work emits, in order, and ends with it', async () => {
    const items: object[] = [];
    const source = emitted<{ n: number }>(async (emit) => {
      for (let n = 0; n < 40; n++) await emit({ n });
    });
    for await (const item of source) items.push(item);
    expect(items).toEqual(Array.from({ length: 40 }, (_, n) => ({ n })));
  });

  it('begins when the first item is asked for, and is empty where nothing is emitted', async () => {
    let begun = false;
    const source = emitted(async () => {
      begun = true;
    });
    await sleep(1);
    expect(begun).toBe(false);
    expect(await source.next()).toEqual({ done: true, value: undefined });
    expect(begun).toBe(true);
  });

  it('waits for a slow consumer', async () => {
    let made = 0;
    const source = emitted(async (emit) => {
      for (; made < 1000; made++) await emit({});
    });
    await source.next();
    await sleep(20);
    expect(made).toBeLessThan(50);
    await source.return();
  });

  it('throws the error of the work', async () => {
    const source = emitted(async () => {
      throw new RangeError('work broke');
    });
    await expect(source.next()).rejects.toThrow(RangeError);
  });

  it('stops the work when the consumer leaves, and waits for its end', async () => {
    const log: string[] = [];
    const source = emitted(async (emit, signal) => {
      try {
        for (;;) await emit({});
      } finally {
        log.push(`aborted ${signal.aborted}`);
        await sleep(5);
        log.push('cleaned up');
      }
    });
    for await (const _ of source) break;
    expect(log).toEqual(['aborted true', 'cleaned up']);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const source = emitted(async (emit, signal) => {
      await emit({});
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }, stop.signal);
    await source.next();
    stop.abort(new Error('enough'));
    await expect(source.next()).rejects.toThrow('enough');
  });
});
