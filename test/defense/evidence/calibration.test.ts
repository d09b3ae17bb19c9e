// Calibration against simulated observers: scores of which one class is robbed, as drift does, and poison, which must
// not learn its way back.

import { describe, expect, it } from 'vitest';
import {
  type Calibration,
  calibratedLabel,
  calibrationOf,
  fitCalibration,
} from '../../../src/defense/evidence/calibration.ts';
import { ScoreSample } from '../../../src/defense/evidence/score-sample.ts';
import { calibratedFlows, flowTest } from '../../../src/defense/verdict/flow-test.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const CLASSES = 6;

interface World {
  /** Taken from every score of class 1: the observer hardly ever says so. */
  readonly drift: number;
  /** Share of samples given label 0 whatever they show. */
  readonly poison: number;
}

/** Scores of samples that show one class each, noisily; what they were given; what they show. */
function simulate({ drift, poison }: World, count: number, seed = 1) {
  const random = new RandomStream(randomKey(seed, 'scores'));
  const noise = () => random.uniform() + random.uniform() + random.uniform() - 1.5;
  const shown = Int32Array.from({ length: count }, () => random.integer(CLASSES));
  const labels = shown.map((label) => (random.uniform() < poison ? 0 : label));
  const scores = Float32Array.from({ length: count * CLASSES }, (_, i) => {
    const label = i % CLASSES;
    const hit = label === shown[Math.floor(i / CLASSES)] ? 0 : -3;
    return hit + 2 * noise() - (label === 1 ? drift : 0);
  });
  return { shown, labels, raws: labels, scores, classes: CLASSES };
}

const rowOf = (scores: Float32Array, n: number) => scores.subarray(n * CLASSES, (n + 1) * CLASSES);

describe('fitCalibration', () => {
  it('gives a drifted class its samples back', () => {
    const { shown, labels, scores } = simulate({ drift: 4, poison: 0 }, 3000);
    const plain = { slopes: new Float64Array(CLASSES).fill(1), offsets: new Float64Array(CLASSES) };
    const fitted = fitCalibration(scores, labels, CLASSES);
    const accuracy = (calibration: Calibration) =>
      shown.filter((label, n) => calibratedLabel(calibration, rowOf(scores, n)) === label).length /
      shown.length;
    const lost = (calibration: Calibration) =>
      shown.filter((label, n) => label === 1 && calibratedLabel(calibration, rowOf(scores, n)) !== 1).length;
    expect(lost(plain)).toBeGreaterThan(350);
    expect(lost(fitted)).toBeLessThan(120);
    expect(accuracy(fitted)).toBeGreaterThan(accuracy(plain) + 0.05);
  });

  it('does not teach poison its label: what shows another class is called that', () => {
    const { shown, labels, scores } = simulate({ drift: 0, poison: 0.1 }, 3000);
    const fitted = fitCalibration(scores, labels, CLASSES);
    const poisoned = [...shown.keys()].filter((n) => labels[n] === 0 && shown[n] !== 0);
    const home = poisoned.filter((n) => calibratedLabel(fitted, rowOf(scores, n)) === shown[n]);
    expect(poisoned.length).toBeGreaterThan(200);
    expect(home.length / poisoned.length).toBeGreaterThan(0.75);
  });

  it('stays finite with absent classes, one sample, and constant scores', () => {
    for (const [scores, labels] of [
      [new Float32Array(CLASSES), Int32Array.of(3)],
      [new Float32Array(4 * CLASSES).fill(-2), Int32Array.of(3, 3, 3, 3)],
    ] as const) {
      const { slopes, offsets } = fitCalibration(scores, labels, CLASSES);
      expect([...slopes, ...offsets].every(Number.isFinite)).toBe(true);
      expect(calibratedLabel({ slopes, offsets }, scores)).toBe(3);
    }
  });
});

describe('calibrationOf', () => {
  it('fits the first 20,000 samples of a table, once', () => {
    const table = simulate({ drift: 2, poison: 0 }, 21_000);
    table.scores.fill(0, 20_000 * CLASSES);
    const fitted = calibrationOf(table);
    const first = table.scores.subarray(0, 20_000 * CLASSES);
    expect(fitted).toEqual(fitCalibration(first, table.labels.subarray(0, 20_000), CLASSES));
    expect(fitted).not.toEqual(fitCalibration(table.scores, table.labels, CLASSES));
    expect(calibrationOf(table)).toBe(fitted);
  });
});

describe('calibratedFlows', () => {
  const flaggedIn = (world: World, seed: number) =>
    flowTest(calibratedFlows(simulate(world, 6000, seed))).flatMap((finding, label) =>
      finding && finding.logP < Math.log(0.01) ? [label] : [],
    );

  it('accuses the poisoned label and no drifted one', () => {
    for (let seed = 0; seed < 10; seed++) {
      expect(flaggedIn({ drift: 4, poison: 0 }, seed)).toEqual([]);
      expect(flaggedIn({ drift: 4, poison: 0.1 }, seed)).toEqual([0]);
    }
  });
});

describe('ScoreSample', () => {
  const scored = Array.from({ length: 40 }, (_, i) => ({
    id: `s${i}`,
    label: i % 3,
    raw: i % 2,
    index: i,
    scores: [i, -i, 0],
  }));
  const sampleOf = (items: typeof scored) => {
    const sample = new ScoreSample(3, 10);
    for (const item of items) sample.add(item);
    return sample;
  };

  it('keeps the same samples in any order, and of any partition', () => {
    const whole = sampleOf(scored).table();
    expect(whole.labels.length).toBe(10);
    expect(sampleOf(scored.toReversed()).table()).toEqual(whole);
    const merged = sampleOf(scored.slice(0, 7));
    merged.merge(sampleOf(scored.slice(7)));
    expect(merged.table()).toEqual(whole);
  });

  it('keeps all when they are few, with their places', () => {
    const few = sampleOf(scored.slice(0, 5));
    expect(few.count).toBe(5);
    expect(few.take(1, ({ label }) => label === 2).map(({ id }) => id)).toEqual(['s2']);
    expect(
      few
        .take(9)
        .map(({ index }) => index)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4]);
  });
});
