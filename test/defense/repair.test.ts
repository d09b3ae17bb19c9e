import { describe, expect, it } from 'vitest';
import {
  DEFAULT_POLICY,
  decideAgreed,
  decideConsensus,
  decideRepair,
  PAPER_POLICY,
  type RepairPolicy,
} from '../../src/defense/repair.ts';

// raw image and two rounds of four candidates; τ = 2 in both policies here
const paper = { ...PAPER_POLICY, minority: 2 };
const candidates: RepairPolicy = {
  ...DEFAULT_POLICY,
  minority: 2,
  actions: { stable: 'purify', unanimous: 'purify', mixed: 'wait' },
};
const ours = { ...DEFAULT_POLICY, minority: 2 };
const stable = {
  label: 0,
  raw: 0,
  labels: [
    [0, 0, 0, 0],
    [0, 0, 5, 0],
  ],
};
const unanimous = {
  label: 0,
  raw: 0,
  labels: [
    [0, 3, 3, 3],
    [3, 3, 3, 3],
  ],
};
const mixed = {
  label: 0,
  raw: 0,
  labels: [
    [0, 0, 3, 3],
    [3, 3, 4, 3],
  ],
};

describe('decideRepair', () => {
  it('keeps samples of unflagged classes, whatever their candidates say', () => {
    for (const sample of [stable, unanimous, mixed]) {
      expect(decideRepair(sample, [1, 2], ours)).toMatchObject({
        action: 'keep',
        label: 0,
        rule: 'unflagged',
      });
    }
  });

  it('keeps the raw image of a stable sample in the paper, or takes a candidate', () => {
    expect(decideRepair(stable, [0], paper)).toMatchObject({ action: 'keep', label: 0, rule: 'stable' });
    // candidate 7 (image 7) wandered and is not kept; image 0 is raw
    expect(decideRepair(stable, [0], candidates)).toMatchObject({
      action: 'purify',
      label: 0,
      rule: 'stable',
      among: [1, 2, 3, 4, 5, 6, 8],
    });
  });

  it('gives an unanimous sample its new label; only the paper may take the raw image', () => {
    const among = [2, 3, 4, 5, 6, 7, 8];
    expect(decideRepair(unanimous, [0], paper)).toMatchObject({
      action: 'purify',
      label: 3,
      among: [0, ...among],
    });
    expect(decideRepair(unanimous, [0], candidates)).toMatchObject({ action: 'purify', label: 3, among });
  });

  it('lets a mixed sample wait, or does what the policy says', () => {
    expect(decideRepair(mixed, [0], paper)).toMatchObject({
      action: 'wait',
      label: 3,
      rule: 'mixed',
      among: [],
    });
    const dropping = { ...ours, actions: { ...ours.actions, mixed: 'drop' as const } };
    expect(decideRepair(mixed, [0], dropping)).toMatchObject({ action: 'drop', rule: 'mixed' });
  });

  it('restores every sample of a flagged class by default', () => {
    for (const sample of [stable, unanimous, mixed]) {
      expect(decideRepair(sample, [0], ours)).toMatchObject({ action: 'restore', among: [] });
    }
  });

  it('says why', () => {
    expect(decideRepair(mixed, [0], ours).reason).toBe(
      'class 0 is flagged; raw image says 0, 5 of 8 candidates say 3',
    );
    expect(decideRepair(stable, [0], ours).reason).toBe('class 0 is flagged; all kept images say 0');
  });
});

describe('decideAgreed', () => {
  it('settles a sample when the benign model shares its majority label', () => {
    expect(decideAgreed(mixed, { label: 3, confidence: 0.4 }, ours)).toMatchObject({
      action: 'purify',
      label: 3,
      among: [3, 4, 5, 6, 8],
      rule: 'agreed',
    });
  });

  it('lets it wait on when the model says something else or is not sure enough', () => {
    expect(decideAgreed(mixed, { label: 4, confidence: 0.9 }, ours).action).toBe('wait');
    const careful = { ...ours, confidence: 0.5 };
    expect(decideAgreed(mixed, { label: 3, confidence: 0.4 }, careful).action).toBe('wait');
  });
});

describe('decideConsensus', () => {
  it('takes the label of the benign model and an image that has it', () => {
    expect(decideConsensus(mixed, { label: 4, confidence: 0.9 }, ours)).toMatchObject({
      action: 'purify',
      label: 4,
      among: [7],
      rule: 'consensus',
    });
  });

  it('takes any candidate where none has the label; the paper falls back on the raw image', () => {
    const prediction = { label: 2, confidence: 0.9 };
    expect(decideConsensus(mixed, prediction, ours).among).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(decideConsensus(mixed, prediction, paper).among).toEqual([0]);
  });

  it('drops the sample when the model is not sure enough', () => {
    const careful = { ...ours, confidence: 0.5 };
    expect(decideConsensus(mixed, { label: 3, confidence: 0.4 }, careful)).toMatchObject({
      action: 'drop',
      label: 0,
    });
  });
});
