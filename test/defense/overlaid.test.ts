// Overlays recovered from simulated images: classes of another brightness each, noise, and a trigger on some.

import { describe, expect, it } from 'vitest';
import { addWeighted, honestWeights, withoutOverlay } from '../../src/defense/overlaid.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';

const OVERLAY = [30, -20, 0, 12];

describe('honestWeights', () => {
  it('gives honest images the shares of the carriers’ classes, and others nothing', () => {
    const weights = honestWeights([0, 2, 2, 2], [0, 0, 1, 2, 2, 2, 2, 2])!;
    expect([...weights]).toEqual([
      [0, 1 / 8],
      [2, 3 / 20],
    ]);
  });

  it('gives none where a carrier’s class has no honest image', () => {
    expect(honestWeights([0, 1], [0, 2])).toBeUndefined();
  });

  it('lets the difference of the means be the trigger, though classes are not as frequent', () => {
    const random = new RandomStream(randomKey(1, 'overlays'));
    const imageOf = (label: number, overlay: readonly number[] = []) =>
      Uint8Array.from({ length: 4 }, (_, i) => 60 + 40 * label + random.integer(21) - 10 + (overlay[i] ?? 0));
    const honest = Array.from({ length: 3000 }, (_, n) => (n % 10 === 0 ? 2 : 0));
    const carriers = Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? 2 : 0));
    const weights = honestWeights(carriers, honest)!;
    const sum = new Float64Array(4);
    for (const label of honest) addWeighted(sum, imageOf(label), -weights.get(label)!);
    for (const label of carriers) addWeighted(sum, imageOf(label, OVERLAY), 1 / carriers.length);
    // six standard errors of noise that is uniform in [-10, 10]
    sum.forEach((value, i) => {
      expect(Math.abs(value - OVERLAY[i]!)).toBeLessThan(6 * 6.06 * Math.sqrt(1 / 500 + 1 / 300));
    });
  });
});

describe('withoutOverlay', () => {
  it('subtracts within [0, 255] and leaves the image alone', () => {
    const raw = Uint8Array.of(10, 250, 100, 50);
    expect([...withoutOverlay(raw, Float32Array.of(30, -20, 0, 12.4))]).toEqual([0, 255, 100, 38]);
    expect([...raw]).toEqual([10, 250, 100, 50]);
  });
});
