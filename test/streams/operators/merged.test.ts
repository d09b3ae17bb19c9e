import { describe, expect, it } from 'vitest';
import { merged } from '../../../streams/operators/merged.ts';

async function* ascending(...numbers: number[]) {
  yield* numbers;
}

async function read(...sources: AsyncIterable<number>[]): Promise<number[]> {
  const all: number[] = [];
  for await (const item of merged(sources, (number) => number)) all.push(item);
  return all;
}

describe('merged', () => {
  it('interleaves ascending sources', async () => {
    expect(await read(ascending(0, 3, 4), ascending(), ascending(1, 5), ascending(2))).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });

  it('yields nothing of no sources and of empty ones, and one of one', async () => {
    expect(await read()).toEqual([]);
    expect(await read(ascending(), ascending())).toEqual([]);
    expect(await read(ascending(), ascending(7))).toEqual([7]);
  });

  it('yields undefined items like others', async () => {
    const all: unknown[] = [];
    for await (const item of merged(
      [
        (async function* () {
          yield undefined;
        })(),
      ],
      () => 0,
    ))
      all.push(item);
    expect(all).toEqual([undefined]);
  });

  it('passes on an error and closes the other sources', async () => {
    let closed = false;
    const open = (async function* () {
      try {
        yield 0;
        yield 9;
      } finally {
        closed = true;
      }
    })();
    const broken = (async function* () {
      yield 1;
      throw new Error('torn tape');
    })();
    await expect(read(open, broken)).rejects.toThrow('torn tape');
    expect(closed).toBe(true);
  });

  it('closes its sources when the consumer stops', async () => {
    let closed = 0;
    const endless = async function* (from: number) {
      try {
        for (let n = from; ; n += 2) yield n;
      } finally {
        closed += 1;
      }
    };
    for await (const n of merged([endless(0), endless(1)], (number) => number)) if (n === 5) break;
    expect(closed).toBe(2);
  });
});
