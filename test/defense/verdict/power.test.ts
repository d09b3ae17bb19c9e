// What the flow test would have found, against the flow test.

import { describe, expect, it } from 'vitest';
import { addCell, type MutableCells } from '../../../src/defense/evidence/cells.ts';
import type { CanaryFinding } from '../../../src/defense/verdict/canary.ts';
import { flowSums, flowTest } from '../../../src/defense/verdict/flow-test.ts';
import { flowPower, leastShare, leastShown, withPower } from '../../../src/defense/verdict/power.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const LEVEL = 0.005;

/** Ten classes of so many samples, of which a tenth is confused; with poison in the first, where wanted. */
function flows(size: number, poison = 0, rate = 1, seed = 1) {
  const random = new RandomStream(randomKey(seed, 'power test'));
  const counts: MutableCells = {};
  for (let label = 0; label < 10; label++) {
    for (let n = 0; n < size; n++)
      addCell(counts, label, random.uniform() < 0.1 ? random.integer(10) : label);
  }
  for (let n = 0; n < poison; n++) addCell(counts, 0, random.uniform() < rate ? 1 + random.integer(9) : 0);
  return { classes: 10, counts };
}

const powerOf = (size: number, rate: number) => {
  const table = flows(size);
  return leastShare(0, table, flowSums(table), rate, LEVEL);
};

describe('leastShare', () => {
  it('falls with the size of the class and with the rate at which poison goes home', async () => {
    const [small, large] = [await powerOf(250, 0.8), await powerOf(600, 0.8)];
    expect(small!).toBeGreaterThan(large!);
    expect((await powerOf(600, 0.65))!).toBeGreaterThan(large!);
    expect(await powerOf(600, 0)).toBeNull();
    expect(await powerOf(30, 0.8)).toBeNull();
  });

  it('is what the test does flag, nine times in ten and more', async () => {
    const share = (await powerOf(300, 0.7))!;
    const poison = Math.round((share / (1 - share)) * 300);
    const flagged = Array.from(
      { length: 40 },
      (_, draw) => flowTest(flows(300, poison, 0.7, 100 + draw))[0]!.logP <= Math.log(LEVEL),
    ).filter(Boolean).length;
    expect(flagged).toBeGreaterThanOrEqual(36);
    // and not so large that a fraction of it would have done
    const few = Math.round(poison / 4);
    expect(flowTest(flows(300, few, 0.7))[0]!.logP).toBeGreaterThan(Math.log(LEVEL));
  });
});

it('says it for each class and kind of canary', async () => {
  const table = flows(300);
  const interval = [0, 1] as const;
  const canaries = [
    { trigger: 'patch', images: 10, hits: 8, rate: 0.8, interval },
    { trigger: 'blend', images: 10, hits: 0, rate: 0, interval },
  ];
  const classes = [
    { label: 0, samples: 300, moved: 30, metric: 0.5, score: 0, state: 'clean' as const },
    { label: 1, samples: 0, moved: 0, metric: null, score: 0, state: 'undecided' as const },
  ];
  const sums = flowSums(table);
  const judged = async (some: readonly CanaryFinding[]) => {
    const powers = await Promise.all(classes.map(({ label }) => flowPower(label, table, sums, some, LEVEL)));
    return withPower({ targetLabels: [], classes, samples: 300, canaries: some }, powers);
  };
  const verdict = await judged(canaries);
  expect(verdict.classes[0]!.power!.patch).toBeGreaterThan(0);
  expect(verdict.classes[0]!.power!.blend).toBeNull();
  expect(verdict.classes[0]!.state).toBe('clean');
  expect(verdict.classes[1]!.power).toBeUndefined();
  expect((await judged(canaries.slice(1))).classes[0]).toMatchObject({
    state: 'undecided',
    reasons: ['no-power'],
    power: { blend: null },
  });
  expect((await judged([])).classes[0]!.state).toBe('clean');
  // an observer that has not learned the stamps says why nothing shows
  const taught = { ...canaries[1]!, learned: 0.2, betrayed: 0 };
  expect((await judged([taught])).classes[0]!.reasons).toEqual(['no-power', 'triggers-unlearned']);
  // who leaves only by forgetting what it never obeyed does not count
  expect((await judged([{ ...canaries[0]!, learned: 0.9, betrayed: 0 }])).classes[0]!.power).toEqual({
    patch: null,
  });
});

describe('leastShown', () => {
  const shares = [0.01, 0.02, 0.05, 0.1, 0.2];

  it.each([0.01, 0.03, 0.2])('finds the first share from %f on, and asks few', async (from) => {
    const asked: number[] = [];
    const shown = async (share: number) => {
      asked.push(share);
      return share >= from;
    };
    expect(await leastShown(shares, shown)).toBe(shares.find((share) => share >= from));
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  it('finds none where the last does not show, or there are none', async () => {
    expect(await leastShown(shares, async () => false)).toBeUndefined();
    expect(await leastShown([], async () => true)).toBeUndefined();
  });
});
