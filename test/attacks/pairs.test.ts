import { expect, it } from 'vitest';
import { readPairs } from '../../src/attacks/pairs.ts';
import type { ReadResult } from '../../src/datasets/sample.ts';
import { sampleOf } from './triggers.ts';

const SHAPE = [1, 1, 2] as const;

async function* results(...ids: string[]): AsyncGenerator<ReadResult> {
  for (const [i, id] of ids.entries()) yield { ok: true, sample: sampleOf([i, 9], SHAPE, id) };
}

it('gives each image the stamped one of its id', async () => {
  const trigger = await readPairs(results('a', 'b'), 'attack.pairs');
  expect([...trigger(sampleOf([5, 5], SHAPE, 'b'))]).toEqual([1, 9]);
  expect([...trigger(sampleOf([5, 5], SHAPE, 'a'))]).toEqual([0, 9]);
  expect(() => trigger(sampleOf([5, 5], SHAPE, 'c'))).toThrow(
    /attack\.pairs: expected a stamped image with the id c, found none among 2/,
  );
});

it('refuses pairs of which one cannot be read', async () => {
  async function* bad(): AsyncGenerator<ReadResult> {
    yield { ok: false, quarantined: { source: 'p.png', offset: 0, code: 'sample', message: 'is cut off' } };
  }
  await expect(readPairs(bad(), 'attack.testPairs')).rejects.toMatchObject({
    code: 'dataset',
    message: 'attack.testPairs: p.png: is cut off',
  });
});
