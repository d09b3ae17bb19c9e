import { describe, expect, it } from 'vitest';
import { DetectionTally, Rate } from '../../../src/defense/repair/evaluation.ts';

describe('Rate', () => {
  it('is undefined of nothing, a fraction otherwise', () => {
    const rate = new Rate();
    expect(rate.value).toBeUndefined();
    for (const hit of [true, false, false, true]) rate.add(hit);
    expect(rate.value).toBe(0.5);
  });
});

describe('DetectionTally', () => {
  it('counts accusations and true labels', () => {
    const tally = new DetectionTally();
    tally.add({ poisoned: true, accused: true, label: 3, trueLabel: 3 });
    tally.add({ poisoned: true, accused: true, label: 4, trueLabel: 3 });
    tally.add({ poisoned: true, accused: true, label: undefined, trueLabel: 3 });
    tally.add({ poisoned: true, accused: false, label: 0, trueLabel: 3 });
    tally.add({ poisoned: false, accused: true, label: 1, trueLabel: 0 });
    tally.add({ poisoned: false, accused: false, label: 0, trueLabel: 0 });
    expect(tally.figures()).toEqual({ tpr: 0.75, fpr: 0.5, labelAccuracy: 0.5 });
  });

  it('leaves out what it cannot know', () => {
    const tally = new DetectionTally();
    expect(tally.figures()).toEqual({});
    tally.add({ poisoned: false, accused: false, label: 0, trueLabel: 0 });
    expect(tally.figures()).toEqual({ fpr: 0 });
  });
});
