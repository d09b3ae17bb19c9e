// How findings become a verdict, and what keeps a class from being called clean.

import { describe, expect, it } from 'vitest';
import { Contingency } from '../../../src/defense/evidence/contingency.ts';
import { agreementOf, isAtChance } from '../../../src/defense/verdict/agreement.ts';
import type { FlowFinding } from '../../../src/defense/verdict/flow-test.ts';
import type { StampFinding } from '../../../src/defense/verdict/stamp-test.ts';
import { conclude, type Findings, withCanaries } from '../../../src/defense/verdict/verdict.ts';

/** Samples of each class, all of which stay. */
function table(sizes: readonly number[]) {
  const counts = new Contingency(sizes.length);
  for (const [label, size] of sizes.entries()) {
    for (let n = 0; n < size; n++) counts.add(label, { indices: [0], labels: [label], majority: label });
  }
  return counts.table();
}

const flow = (logP = 0, why?: FlowFinding['why']): FlowFinding => ({
  metric: 0.5,
  interval: [0.4, 0.6],
  logP,
  blind: why !== undefined,
  ...(why && { why }),
});
const stamp = (changes: Partial<StampFinding>): StampFinding => ({
  recoveredFrom: 0,
  way: 'one',
  images: 200,
  hits: 150,
  rate: 0.75,
  interval: [0.7, 0.8],
  logP: 0,
  ...changes,
});
const sure = { share: 0.9, chance: 0.3 };

function judged(sizes: readonly number[], findings: Partial<Findings> = {}) {
  const verdict = conclude(table(sizes), 0.01, {
    flows: sizes.map(() => flow()),
    agreement: sure,
    ...findings,
  });
  return { verdict, classes: verdict.classes.map(({ state, reasons }) => [state, ...(reasons ?? [])]) };
}

describe('conclude', () => {
  it('calls clean what was judged and found quiet', () => {
    expect(judged([50, 60]).classes).toEqual([['clean'], ['clean']]);
  });

  it('calls nothing clean that nothing could judge, and says why', () => {
    expect(judged([240]).classes).toEqual([['undecided', 'no-other-class']]);
    expect(judged([240, 0]).classes).toEqual([
      ['undecided', 'no-other-class'],
      ['undecided', 'no-samples'],
    ]);
    expect(judged([240, 19]).classes[1]).toEqual(['undecided', 'few-samples']);
    const flows = [flow(0, 'class-unknown'), flow(Math.log(0.05))];
    expect(judged([50, 50], { flows }).classes).toEqual([
      ['undecided', 'class-unknown'],
      ['undecided', 'doubt'],
    ]);
    const stamps = new Map([[1, stamp({ ownLook: true })]]);
    expect(judged([50, 50], { stamps }).classes[1]).toEqual(['undecided', 'own-look']);
  });

  it('accuses by either test, but never by an observer that guesses', () => {
    const flows = [flow(), flow(Math.log(1e-6))];
    expect(judged([50, 50], { flows }).verdict.targetLabels).toEqual([1]);
    const stamps = new Map([[0, stamp({ logP: Math.log(1e-6) })]]);
    expect(judged([50, 50], { stamps }).verdict.targetLabels).toEqual([0]);
    const watermark = new Map([[1, stamp({ ownLook: true, inAll: true })]]);
    expect(judged([50, 50], { flows, stamps: watermark }).classes[1]).toEqual(['undecided', 'own-look']);
    const guessing = judged([50, 50], { flows, stamps, agreement: { share: 0.52, chance: 0.5 } });
    expect(guessing.verdict.targetLabels).toEqual([]);
    expect(guessing.classes.map(([state, reason]) => [state, reason])).toEqual([
      ['undecided', 'observer-at-chance'],
      ['undecided', 'observer-at-chance'],
    ]);
  });

  it('says of canaries that were missed that silence is no news', () => {
    const canary = { trigger: 'patch', images: 10, hits: 1, rate: 0.1, interval: [0, 0.3] as const };
    const { verdict } = judged([50, 0], { flows: [flow(Math.log(1e-6)), undefined] });
    const missed = withCanaries(verdict, [canary]);
    expect(missed.targetLabels).toEqual([]);
    expect(missed.classes.map(({ reasons }) => reasons)).toEqual([['canaries-missed'], ['no-samples']]);
    expect(withCanaries(verdict, [{ ...canary, rate: 0.3 }]).targetLabels).toEqual([0]);
  });
});

describe('agreement', () => {
  const of = (labels: number[], raws: number[]) =>
    agreementOf({ labels: Int32Array.from(labels), raws: Int32Array.from(raws) });

  it('is at chance for an observer that always says the same, however often it is right', () => {
    const constant = of([0, 0, 0, 0, 1], [0, 0, 0, 0, 0])!;
    expect(constant.share).toBeCloseTo(0.8);
    expect(isAtChance(constant)).toBe(true);
    expect(isAtChance(of([0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 0])!)).toBe(false);
  });

  it('says nothing of no samples, and of one class nothing against it', () => {
    expect(of([], [])).toBeUndefined();
    expect(isAtChance(of([1, 1], [1, 1])!)).toBe(false);
  });
});
