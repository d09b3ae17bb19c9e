import { expect, test } from 'vitest';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';

test('sums of many tiny images stay exact beyond 32 bits', () => {
  const residuals = new Residuals(1);
  const [raw, purified] = [Uint8Array.of(255), Uint8Array.of(0)];
  for (let n = 0; n < 40_000; n++) residuals.add(0, true, raw, purified);
  expect(residuals.moved(0)).toEqual({
    count: 40_000,
    sums: Float64Array.of(40_000 * 255),
    squares: Float64Array.of(40_000 * 255 ** 2),
  });
});
