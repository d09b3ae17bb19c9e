// Overlays recovered from simulated images: classes of another brightness each, noise, and a trigger on some.

import { describe, expect, it } from 'vitest';
import { OverlayEstimate, withoutOverlay } from '../../src/defense/overlaid.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';

const CLASSES = 3;
const OVERLAY = [30, -20, 0, 12];

describe('OverlayEstimate', () => {
  it('finds what carriers have beyond honest images of the same classes, though these are not as frequent', () => {
    const random = new RandomStream(randomKey(1, 'overlays'));
    const imageOf = (label: number, overlay: readonly number[] = []) =>
      Uint8Array.from({ length: 4 }, (_, i) => 60 + 40 * label + random.integer(21) - 10 + (overlay[i] ?? 0));
    const estimate = new OverlayEstimate(CLASSES, 4);
    for (let n = 0; n < 3000; n++) estimate.addHonest(n % 10 === 0 ? 2 : 0, imageOf(n % 10 === 0 ? 2 : 0));
    for (let n = 0; n < 500; n++)
      estimate.addCarrier(n % 2 === 0 ? 2 : 0, imageOf(n % 2 === 0 ? 2 : 0, OVERLAY));
    // six standard errors of noise that is uniform in [-10, 10]
    estimate.pattern()!.forEach((value, i) => {
      expect(Math.abs(value - OVERLAY[i]!)).toBeLessThan(6 * 6.06 * Math.sqrt(1 / 500 + 1 / 300));
    });
  });

  it('says nothing without carriers, nor where an honest image of their class is lacking', () => {
    const estimate = new OverlayEstimate(CLASSES, 1);
    estimate.addHonest(0, Uint8Array.of(5));
    expect(estimate.pattern()).toBeUndefined();
    estimate.addCarrier(0, Uint8Array.of(9));
    expect([...estimate.pattern()!]).toEqual([4]);
    estimate.addCarrier(1, Uint8Array.of(9));
    expect(estimate.pattern()).toBeUndefined();
  });
});

describe('withoutOverlay', () => {
  it('subtracts within [0, 255] and leaves the image alone', () => {
    const raw = Uint8Array.of(10, 250, 100, 50);
    expect([...withoutOverlay(raw, Float32Array.of(30, -20, 0, 12.4))]).toEqual([0, 255, 100, 38]);
    expect([...raw]).toEqual([10, 250, 100, 50]);
  });
});
