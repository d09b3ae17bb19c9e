import { describe, expect, it } from 'vitest';
import { Contingency } from '../../../src/defense/evidence/contingency.ts';
import { FadingEvidence } from '../../../src/defense/evidence/fading.ts';
import { ScoreSample } from '../../../src/defense/evidence/score-sample.ts';

/** `count` samples of class 0 that moved to class 1. */
function evidence(name: string, count: number) {
  const counts = new Contingency(2);
  const scores = new ScoreSample(2);
  for (let n = 0; n < count; n++) {
    counts.add(0, { indices: [0, 1], labels: [0, 1], majority: 1 });
    scores.add({ id: `${name} ${n}`, label: 0, raw: 0, scores: [-2, -0.1] });
  }
  return { counts: counts.table(), scores };
}

function ofWindow(sample: ScoreSample, name: string): number {
  return [...sample.samples()].filter(({ id }) => id.startsWith(name)).length;
}

describe('FadingEvidence', () => {
  it('lets each window count for a share of the next one', () => {
    const fading = new FadingEvidence(0.5);
    for (const name of ['a', 'b', 'c']) {
      const { counts, scores } = evidence(name, 1000);
      fading.add(counts, scores);
    }
    const { counts, scores } = fading.evidence;
    expect(counts.samples).toEqual([1750, 0]);
    expect(counts.destinations).toEqual({ 0: { 1: 1750 } });
    expect(ofWindow(scores, 'c')).toBe(1000);
    // binomial shares, four standard deviations wide
    expect(Math.abs(ofWindow(scores, 'b') - 500)).toBeLessThan(64);
    expect(Math.abs(ofWindow(scores, 'a') - 250)).toBeLessThan(55);
  });

  it('gives whole numbers, the same ones each time, and leaves the windows as they were', () => {
    const run = () => {
      const fading = new FadingEvidence(0.9);
      const windows = ['a', 'b'].map((name) => evidence(name, 7));
      for (const { counts, scores } of windows) fading.add(counts, scores);
      expect(windows.map(({ counts, scores }) => [counts.samples[0], scores.count])).toEqual([
        [7, 7],
        [7, 7],
      ]);
      return fading.evidence;
    };
    expect(run().counts.samples).toEqual([13, 0]);
    expect([...run().scores.samples()]).toEqual([...run().scores.samples()]);
  });

  it('has no evidence before the first window', () => {
    expect(() => new FadingEvidence(0.5).evidence).toThrow(/expected evidence of a window/);
  });
});
