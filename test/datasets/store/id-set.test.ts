import { expect, test } from 'vitest';
import { IdSet } from '../../../src/datasets/store/id-set.ts';

test('knows which of many ids it has seen', () => {
  const ids = new IdSet();
  for (let i = 0; i < 50_000; i++) if (!ids.add(`id/${i}`)) throw new Error(`id/${i} is new`);
  for (let i = 0; i < 50_000; i += 7) expect(ids.add(`id/${i}`)).toBe(false);
  expect(ids.add('')).toBe(true);
  expect(ids.add('')).toBe(false);
});
