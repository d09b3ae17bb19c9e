// Placebos of a class with poison in it and of one that all looks alike.

import { describe, expect, it } from 'vitest';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import { controlsOf, type Purified, ranked } from '../../../src/defense/verdict/placebo.ts';
import { stampsOf } from '../../../src/defense/verdict/stamp.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const SIZE = 8;
const COUNT = 200;

/** Class 0, of which purification takes `removed(n)` from the first value of sample n, among two honest classes. */
function classOf(removed: (n: number) => number) {
  const residuals = new Residuals(SIZE);
  const random = new RandomStream(randomKey(1, 'placebo'));
  const samples: Purified[] = [];
  for (let n = 0; n < COUNT; n++) {
    const noise = () => Array.from({ length: SIZE }, () => random.integer(21) - 10);
    const purified = Uint8Array.from({ length: SIZE }, () => 100);
    const raw = Uint8Array.from(noise(), (value, i) => 100 + value + (i === 0 ? removed(n) : 0));
    residuals.add(0, false, raw, purified);
    for (const label of [1, 2]) {
      residuals.add(
        label,
        false,
        Uint8Array.from(noise(), (value) => 100 + value),
        purified,
      );
    }
    samples.push({ of: { id: `${n}`, label: 0, raw: 0, scores: [] }, raw, purified, name: 0 });
  }
  return { residuals, samples };
}

const energy = (pattern: Float32Array) => Math.hypot(...pattern);

function shareInFirst(removed: (n: number) => number) {
  const { residuals, samples } = classOf(removed);
  const stamp = stampsOf(residuals, 0).find(({ from }) => from === 'all')!;
  const { replica, placebos } = controlsOf(stamp, ranked(stamp, residuals, samples));
  return [replica, ...placebos].map(({ pattern }) => {
    expect(energy(pattern)).toBeCloseTo(energy(stamp.pattern), 2);
    return pattern[0]! / energy(stamp.pattern);
  });
}

describe('controlsOf', () => {
  it('shows a trigger that up to half of the class carries in the replica alone', () => {
    for (const share of [3, 2.2]) {
      const carries = (n: number) => Math.floor(n / share) !== Math.floor((n + 1) / share);
      const [replica, ...placebos] = shareInFirst((n) => (carries(n) ? 80 : 0));
      expect(replica).toBeGreaterThan(0.95);
      for (const placebo of placebos) expect(placebo).toBeLessThan(0.6);
    }
  });

  it('is the stamp itself where all the class looks alike', () => {
    for (const first of shareInFirst(() => 80)) expect(first).toBeGreaterThan(0.95);
  });

  it('stays in the place of a stamp that covers a part of the image', () => {
    const { residuals, samples } = classOf(() => 40);
    const pattern = Float32Array.from({ length: SIZE }, (_, i) => (i < 2 ? 50 : 0));
    const stamp = { label: 0, from: 'outstanding', pattern } as const;
    const { replica, placebos } = controlsOf(stamp, ranked(stamp, residuals, samples));
    for (const placebo of [replica, ...placebos])
      expect([...placebo.pattern.slice(2)].every((value) => value === 0)).toBe(true);
    expect(placebos).toHaveLength(2);
  });
});
