// Overlays recovered from simulated images: classes of another brightness each, noise, and a trigger on some.

import { describe, expect, it } from 'vitest';
import {
  honestWeights,
  OverlayFilter,
  overlayFrom,
  withoutOverlay,
} from '../../../src/defense/carriers/overlaid.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

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
});

/** Images of 16 values: classes differ in brightness and each image in two smooth patterns, pixels by little noise. */
function world(seed: number) {
  const random = new RandomStream(randomKey(seed, 'overlays'));
  const noise = (range: number) => range * (random.uniform() - 0.5);
  return (label: number, overlay?: readonly number[]) => {
    const [tilt, bend] = [noise(60), noise(60)];
    return Uint8Array.from({ length: 16 }, (_, i) =>
      Math.round(
        90 + 20 * label + tilt * Math.cos(i / 5) + bend * Math.sin(i / 3) + noise(8) + (overlay?.[i] ?? 0),
      ),
    );
  };
}

/** As faint as a twentieth of what images differ by. */
const FAINT = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 6 : -6));

describe('overlayFrom and OverlayFilter', () => {
  const imageOf = world(1);
  const classesOf = (count: number, share: number) =>
    Array.from({ length: count }, (_, n) => (n < share * count ? 2 : 0));
  const [honest, carriers] = [classesOf(1000, 0.1), classesOf(400, 0.5)];
  const weights = honestWeights(carriers, honest)!;
  const usual = honest.map((label) => ({ pixels: imageOf(label), weight: weights.get(label)! }));
  const carrying = carriers.map((label) => imageOf(label, FAINT));
  const overlay = overlayFrom(carrying, usual);
  const filter = new OverlayFilter(
    overlay,
    usual.map(({ pixels }) => pixels),
  );

  it('recovers the trigger, though classes are not as frequent', () => {
    // patterns of ±30 with both cosine and sine: deviations of at most 25, six standard errors
    overlay.forEach((value, i) => {
      expect(Math.abs(value - FAINT[i]!)).toBeLessThan(6 * 25 * Math.sqrt(1 / 400 + 1 / 100));
    });
  });

  it('tells new carriers from new honest images by what does not vary among these', () => {
    const responses = (trigger?: readonly number[]) =>
      Array.from({ length: 300 }, (_, n) => filter.response(imageOf(n % 3, trigger))).sort((a, b) => a - b);
    expect(responses().at(-1)!).toBeLessThan(0.5);
    expect(responses(FAINT)[0]!).toBeGreaterThan(0.5);
    expect(Math.abs(responses(FAINT)[150]! - 1)).toBeLessThan(0.2);
  });

  it('stays finite where honest images are all the same, and where the trigger is nothing', () => {
    const same = [1, 2].map(() => new Uint8Array(4).fill(7));
    const plain = new OverlayFilter(Float32Array.of(0, 0, 5, 0), same);
    expect(plain.response(Uint8Array.of(7, 7, 12, 7))).toBeCloseTo(1);
    expect(new OverlayFilter(new Float32Array(4), same).response(Uint8Array.of(1, 2, 3, 4))).toBe(0);
  });
});

describe('withoutOverlay', () => {
  it('subtracts within [0, 255] and leaves the image alone', () => {
    const raw = Uint8Array.of(10, 250, 100, 50);
    expect([...withoutOverlay(raw, Float32Array.of(30, -20, 0, 12.4))]).toEqual([0, 255, 100, 38]);
    expect([...raw]).toEqual([10, 250, 100, 50]);
  });
});
