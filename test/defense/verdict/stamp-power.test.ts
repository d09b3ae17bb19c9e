// What stamps of planted canaries would have found, with an observer that obeys a bright first value.

import { describe, expect, it } from 'vitest';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import type { Stamp } from '../../../src/defense/verdict/stamp.ts';
import { stampsOf } from '../../../src/defense/verdict/stamp.ts';
import { fewestLearned, leastOf, StampPower } from '../../../src/defense/verdict/stamp-power.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const SIZE = 8;
const CANARY = 3;
const LEVEL = 0.005;
const before = Array.from({ length: 64 }, (_, n) => n % 3);
const random = new RandomStream(randomKey(1, 'stamp power'));

/** Samples of a label of which purification takes `removed` from the first value, and nothing but noise elsewhere. */
function add(residuals: Residuals, label: number, count: number, moved: boolean, removed: number, at = 0) {
  for (let n = 0; n < count; n++) {
    const raw = Uint8Array.from(
      { length: SIZE },
      (_, i) => 100 + random.integer(11) - 5 + (i === at ? removed : 0),
    );
    residuals.add(label, moved, raw, new Uint8Array(SIZE).fill(100));
  }
}

/** @param threshold of the first value from which on the observer obeys */
function powerOf(threshold: number, { own = 0, below = Number.POSITIVE_INFINITY, least = 0 } = {}) {
  const residuals = new Residuals(SIZE);
  for (const label of [0, 1, 2]) add(residuals, label, 200, false, label === 0 ? own : 0, 1);
  const canaries = new Residuals(SIZE);
  add(canaries, CANARY, 20, true, 80);
  const asked: Stamp[] = [];
  const labelsWith = async (stamp: Stamp) => {
    asked.push(stamp);
    return before.map((label) => {
      if (stamp.pattern[0]! >= threshold) return CANARY;
      // an own look that works, too
      return stamp.pattern[1]! >= 60 ? 0 : label;
    });
  };
  const trials = [1, 2].map((label) => ({
    stamp: stampsOf(residuals, label)[0]!,
    before,
    after: before,
  }));
  const parts = { residuals, canaries, trials, before, labelsWith, level: LEVEL };
  return new StampPower(0, 200, parts).least(CANARY, least, below).then((share) => ({ share, asked }));
}

describe('StampPower', () => {
  it('rises with what the observer asks of a stamp', async () => {
    const [easy, hard] = [await powerOf(20), await powerOf(60)];
    expect(easy.share).toBeLessThan(hard.share!);
    // moved samples alone carry it: a handful is too few for a stamp of their own, a tenth of 200 is not
    expect(hard.share).toBeLessThanOrEqual(0.15);
    expect((await powerOf(1000)).share).toBeUndefined();
  });

  it('tries no share that cannot be, or that need not be', async () => {
    expect((await powerOf(20, { least: 0.3 })).share).toBe(0.3);
    const needless = await powerOf(20, { below: 0.01 });
    expect(needless.share).toBeUndefined();
    expect(needless.asked).toEqual([]);
  });

  it("counts nothing that the class's own look would do as well", async () => {
    // the placebo is as strong as the stamp, and turns all images
    const { share } = await powerOf(1000, { own: 60 });
    expect(share).toBeUndefined();
  });
});

describe('fewestLearned and leastOf', () => {
  it('states no share that is rarer than what was planted, and none from a half on', () => {
    expect(fewestLearned(180, 20)).toBe(0.1);
    expect(leastOf(0.02, 0.101)).toBe(0.11);
    expect(leastOf(0.3, 0.1)).toBe(0.3);
    expect(leastOf(0.3, 0.55)).toBeNull();
    expect(leastOf(Number.POSITIVE_INFINITY, 0.1)).toBeNull();
  });
});
