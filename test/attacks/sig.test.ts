import { expect, test } from 'vitest';
import { sig } from '../../src/attacks/sig.ts';
import { drawn } from './triggers.ts';

test('sig adds Δ·sin(2πjf / m) for columns j = 1…m', () => {
  const shape = [1, 2, 8] as const;
  // two periods in eight columns: sin(πj / 2) = 1, 0, −1, 0, …
  const stamped = sig(20, 2, shape)(drawn(shape, (y) => 100 + y));
  const row = [120, 100, 80, 100, 120, 100, 80, 100];
  expect([...stamped]).toEqual([...row, ...row.map((value) => value + 1)]);
});

test('with the values of the paper on 28 columns, in every channel', () => {
  const shape = [3, 1, 28] as const;
  const stamped = sig(20, 6, shape)(drawn(shape, () => 128));
  // numpy: np.round(128 + 20 * np.sin(2 * np.pi * np.arange(1, 29) * 6 / 28))
  const period = [147, 137, 112, 112, 137, 147, 128, 109, 119, 144, 144, 119, 109, 128];
  expect([...stamped]).toEqual([...period, ...period, ...period, ...period, ...period, ...period]);
});

test('stays in [0, 255]', () => {
  const shape = [1, 1, 4] as const;
  expect([...sig(20, 1, shape)(drawn(shape, (_, x) => (x === 0 ? 250 : 10)))]).toEqual([255, 10, 0, 10]);
});
