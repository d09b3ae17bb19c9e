import { describe, expect, it } from 'vitest';
import { hasTransition, imagesLabelled, keepCandidates } from '../../../src/defense/evidence/transitions.ts';
import { agrees } from '../../../src/defense/paper/consensus.ts';
import { decideOutcome } from '../../../src/defense/repair/outcome.ts';

describe('keepCandidates', () => {
  it('drops labels below the threshold and keeps all from it on', () => {
    expect(
      keepCandidates(
        1,
        [
          [1, 2],
          [1, 2, 1],
        ],
        3,
      ),
    ).toEqual({ indices: [0, 1, 3, 5], labels: [1, 1, 1, 1], majority: 1 });
    expect(
      keepCandidates(
        1,
        [
          [1, 2],
          [1, 2, 1],
        ],
        2,
      ).indices,
    ).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('keeps the raw image whatever its label, and breaks ties by order', () => {
    expect(
      keepCandidates(
        0,
        [
          [2, 1],
          [1, 2],
        ],
        5,
      ),
    ).toEqual({ indices: [0, 1, 4], labels: [0, 2, 2], majority: 2 });
  });

  it('refuses a sample without candidates', () => {
    expect(() => keepCandidates(0, [[]], 5)).toThrow(RangeError);
  });
});

describe('outcomes and consensus', () => {
  const stable = keepCandidates(4, [[4, 4, 4]], 2);
  const moved = keepCandidates(4, [[7, 7, 7]], 2);
  const mixed = keepCandidates(4, [[4, 7, 7, 4, 7]], 2);

  it('follows the flag and the candidates', () => {
    expect([stable, moved, mixed].map(hasTransition)).toEqual([false, true, true]);
    expect(decideOutcome(4, moved, false)).toEqual({ action: 'keep', label: 4, rule: 'unflagged' });
    expect(decideOutcome(4, stable, true)).toEqual({ action: 'keep', label: 4, rule: 'stable' });
    expect(decideOutcome(4, moved, true)).toEqual({ action: 'purify', label: 7, rule: 'unanimous' });
    expect(decideOutcome(4, mixed, true)).toEqual({ action: 'suspicious', label: 7, rule: 'mixed' });
  });

  it('believes the candidates only together with the benign model', () => {
    expect(agrees(mixed.majority, 7)).toBe(true);
    expect(agrees(mixed.majority, 4)).toBe(false);
    expect(imagesLabelled(mixed, 7)).toEqual([0, 2, 3, 5]);
  });
});
