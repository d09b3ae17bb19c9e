// Steps 3, 4 and 6 against the reference's own decisions on 240 samples.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Contingency } from '../../../src/defense/evidence/contingency.ts';
import { keepCandidates } from '../../../src/defense/evidence/transitions.ts';
import { divergenceDetector } from '../../../src/defense/paper/divergence.ts';
import { decideOutcome } from '../../../src/defense/repair/outcome.ts';
import { fixturePath } from '../../support/paths.ts';

interface Golden {
  readonly classes: number;
  readonly rounds: number;
  readonly keepLast: number;
  readonly tau: number;
  readonly given: readonly number[];
  readonly labels: readonly (readonly [number, ...number[]])[];
  readonly expected: {
    readonly candidateLabels: readonly (readonly number[])[];
    readonly metric: readonly number[];
    readonly score: readonly number[];
    readonly targetLabels: readonly number[];
    readonly outcome: readonly (readonly ['keep' | 'purify' | 'suspicious', number])[];
  };
}

describe('the reference’s decisions', () => {
  const golden: Golden = JSON.parse(readFileSync(fixturePath('parity/decisions.json'), 'utf8'));
  const kept = golden.labels.map(([raw, ...labels]) => {
    const rows = Array.from({ length: golden.rounds }, (_, round) =>
      labels.slice(round * golden.keepLast, (round + 1) * golden.keepLast),
    );
    return keepCandidates(raw, rows, golden.tau);
  });
  const table = new Contingency(golden.classes);
  for (const [i, given] of golden.given.entries()) table.add(given, kept[i]!);
  const verdict = divergenceDetector({ threshold: 2, sides: 'two-sided' })(table.table());

  it('step 3: keeps the same candidates', () => {
    expect(kept.map(({ labels }) => labels)).toEqual(golden.expected.candidateLabels);
  });

  it('step 4: finds the same target label by the same scores', () => {
    expect(verdict.targetLabels).toEqual(golden.expected.targetLabels);
    expect(verdict.samples).toBe(240);
    for (const { label, metric, score } of verdict.classes) {
      expect(metric).toBeCloseTo(golden.expected.metric[label]!, 12);
      expect(score).toBeCloseTo(golden.expected.score[label]!, 9);
    }
  });

  it('step 6: treats every sample alike', () => {
    const outcomes = golden.given.map((given, i) =>
      decideOutcome(given, kept[i]!, verdict.targetLabels.includes(given)),
    );
    expect(outcomes.map(({ action, label }) => [action, label])).toEqual(golden.expected.outcome);
  });
});
