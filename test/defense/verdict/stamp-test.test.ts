// The stamp test on residuals and labels whose truth is known.

import { describe, expect, it } from 'vitest';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import type { Refit, Renamed } from '../../../src/defense/verdict/refit.ts';
import { stamped, stampsOf } from '../../../src/defense/verdict/stamp.ts';
import { stampTest, suspicious } from '../../../src/defense/verdict/stamp-test.ts';
import type { StampTrial } from '../../../src/defense/verdict/stamp-trial.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const SIZE = 4;
const image = (...values: number[]) => Uint8Array.from(values);

/** Label 0 holds 20 samples of which purification takes 100 from the last pixel; other residuals are nothing. */
function poisonedResiduals(): Residuals {
  const residuals = new Residuals(SIZE);
  for (let i = 0; i < 20; i++) {
    residuals.add(0, true, image(10, 10, 10, 110), image(10, 10, 10, 10));
    residuals.add(0, false, image(10, 10, 10, 10), image(10, 10, 10, 10));
    residuals.add(1, false, image(20, 20, 20, 20), image(20, 20, 20, 20));
  }
  return residuals;
}

describe('stampsOf', () => {
  it('shows what was taken from the samples that moved, twice, and from all of the class, four times', () => {
    const [moved, , all] = stampsOf(poisonedResiduals(), 0);
    expect([moved!.from, ...moved!.pattern]).toEqual(['moved', 0, 0, 0, 200]);
    expect([all!.from, ...all!.pattern]).toEqual(['all', 0, 0, 0, 200]);
    // none of the honest class moved
    const honest = stampsOf(poisonedResiduals(), 1);
    expect(honest.map(({ from }) => from)).toEqual(['all']);
    expect(honest[0]!.pattern[3]).toBe(-200);
  });

  it('makes strong what stands out from the samples that moved, and leaves the rest away', () => {
    const residuals = new Residuals(SIZE);
    const random = new RandomStream(randomKey(1, 'residuals'));
    for (let i = 0; i < 400; i++) {
      // purification takes 8 from the first pixel of one moved sample in four, and adds 4 to its second
      const trigger = i % 4 === 0 ? [8, -4] : [0, 0];
      const noise = Array.from({ length: SIZE }, () => random.integer(9) - 4);
      const of = (label: number, moved: boolean, [first, second]: number[]) =>
        residuals.add(
          label,
          moved,
          image(100 + first!, 100 + second!, 100, 100),
          image(...noise.map((n) => 100 + n)),
        );
      of(0, true, trigger);
      of(1, false, [0, 0]);
    }
    const outstanding = stampsOf(residuals, 0).find(({ from }) => from === 'outstanding')!;
    expect(outstanding.pattern[0]).toBe(128);
    expect(Math.abs(outstanding.pattern[1]! + 64)).toBeLessThan(20);
    expect([...outstanding.pattern.slice(2)]).toEqual([0, 0]);
    // where nothing stands out there is none
    expect(stampsOf(residuals, 1).map(({ from }) => from)).toEqual(['all']);
  });

  it('has none of too few samples', () => {
    const residuals = new Residuals(SIZE);
    for (let i = 0; i < 19; i++) residuals.add(0, true, image(1, 1, 1, 1), image(0, 0, 0, 0));
    expect(stampsOf(residuals, 0)).toEqual([]);
  });
});

describe('stamped', () => {
  it('adds within [0, 255] and leaves the image alone', () => {
    const raw = image(0, 100, 200, 255);
    const stamp = { label: 0, from: 'all', pattern: Float32Array.of(-5, 0.4, 100, -55) } as const;
    expect([...stamped(raw, stamp)]).toEqual([0, 100, 255, 200]);
    expect([...raw]).toEqual([0, 100, 200, 255]);
  });
});

describe('stampTest', () => {
  const before = Array.from({ length: 200 }, (_, i) => i % 10);
  const trial = (label: number, after: (label: number, i: number) => number) => ({
    stamp: { label, from: 'all' } as const,
    before,
    after: before.map(after),
  });
  const honest = Array.from({ length: 10 }, (_, label) =>
    trial(label, (was, i) => (i % 9 === 0 ? label : was)),
  );
  const LEVEL = 0.005;
  const obeyedBy = (share: number, label: number) =>
    before.map((was, i) => (i % 9 < 9 * share ? label : was));
  /** What another observer that obeys no stamp calls 40 suspects. */
  const names = (away: number, agreed: number): Renamed => ({ suspects: 40, away, agreed, chance: 0.2 });
  /**
   * The same with a placebo that so many images in nine obey, and a replica that works as it does; another observer
   * knows the suspects as the class.
   */
  const held = (
    trial: StampTrial,
    share = 0,
    replica = trial.after,
    refit: Partial<Refit> = {},
  ): StampTrial => ({
    ...trial,
    controls: {
      replica,
      placebos: [obeyedBy(share, trial.stamp.label), before],
      refit: {
        after: before,
        renamed: names(2, 0),
        others: [names(10, 2), names(30, 5)],
        leaving: names(2, 0),
        ...refit,
      },
    },
  });
  const findings = (trials: readonly StampTrial[]) => stampTest(trials, 10, LEVEL);
  const accused = (trials: readonly StampTrial[]) =>
    [...findings(trials)].filter(([, { logP }]) => logP <= Math.log(LEVEL)).map(([label]) => label);

  it('accuses nobody of honest stamps, which turn a ninth of the images', () => {
    expect(accused(honest)).toEqual([]);
  });

  it('accuses the one class whose stamp the images obey, with its rate and interval', () => {
    const trials = [...honest.slice(1), held(trial(0, (was, i) => (i % 10 < 7 ? 0 : was)))];
    expect(accused(trials)).toEqual([0]);
    const finding = findings(trials).get(0)!;
    // 6 of the 9 other classes become 0
    expect(finding).toMatchObject({ recoveredFrom: 0, images: 180, hits: 120 });
    expect(finding.rate).toBeCloseTo(2 / 3);
    expect(finding.interval[0]).toBeGreaterThan(0.59);
    expect(finding.interval[1]).toBeLessThan(0.74);
  });

  it('accuses nobody whose placebos work nearly as well: they are the class, not a trigger', () => {
    const obeyed = trial(0, (was, i) => (i % 10 < 7 ? 0 : was));
    const others = honest.slice(1);
    // two thirds of the images obey the stamp
    expect(accused([...others, held(obeyed, 0.1)])).toEqual([0]);
    for (const share of [0.45, 0.9]) {
      const trials = [...others, held(obeyed, share)];
      expect(accused(trials)).toEqual([]);
      expect(findings(trials).get(0)).toMatchObject({ ownLook: true, hits: 120 });
    }
    expect(findings([...others, held(obeyed, 0.45)]).get(0)!.placebo).toBeGreaterThan(0.4);
    // nor one whose effect those that answer to it most do not show
    expect(findings([...others, held(obeyed, 0, before)]).get(0)).toMatchObject({
      ownLook: true,
      replica: 0,
    });
    // nor one that was not compared
    expect(findings([...others, obeyed]).get(0)).toMatchObject({ ownLook: true, logP: 0 });
  });

  it('accuses nobody whose stamp another observer obeys that never learned the suspects', () => {
    const obeyed = trial(0, (was, i) => (i % 10 < 7 ? 0 : was));
    const others = honest.slice(1);
    for (const renamed of [names(2, 0), names(38, 36)]) {
      expect(accused([...others, held(obeyed, 0, obeyed.after, { renamed })])).toEqual([0]);
      const after = obeyedBy(0.45, 0);
      const trials = [...others, held(obeyed, 0, obeyed.after, { renamed, after })];
      expect(accused(trials)).toEqual([]);
      expect(findings(trials).get(0)).toMatchObject({ ownLook: true, hits: 120, renamed });
      expect(findings(trials).get(0)!.refit).toBeGreaterThan(0.4);
    }
    // nor anybody for whom there is none
    const { refit, ...controls } = held(obeyed).controls!;
    expect(accused([...others, { ...obeyed, controls }])).toEqual([]);
    expect(refit).toBeDefined();
  });

  it('says of a class that all of it has what works: those that show it least teach it, and are known by it', () => {
    const obeyed = trial(0, (was, i) => (i % 10 < 7 ? 0 : was));
    const findingOf = (placebo: number, refit: Partial<Refit> = {}) => {
      const all = { after: obeyed.after, ...refit };
      return stampTest([...honest.slice(1), held(obeyed, placebo, obeyed.after, all)], 10, LEVEL).get(0)!;
    };
    expect(findingOf(0.9)).toMatchObject({ inAll: true, ownLook: true });
    expect(findingOf(0).inAll).toBeUndefined();
    expect(findingOf(0.9, { after: before }).inAll).toBeUndefined();
    // what leaves is something else to that observer: poison
    expect(findingOf(0.9, { leaving: names(38, 2) }).inAll).toBeUndefined();
  });

  it('wants suspects that are strangers to the other observer called the same as when they are purified', () => {
    const obeyed = trial(0, (was, i) => (i % 10 < 7 ? 0 : was));
    const findingOf = (refit: Partial<Refit>, placebo = 0) =>
      stampTest([...honest.slice(1), held(obeyed, placebo, obeyed.after, refit)], 10, LEVEL).get(0)!;
    // then placebos may work: what the rest of the class shows is the trigger, too
    expect(findingOf({ renamed: names(38, 36) }, 0.9).logP).toBeLessThan(Math.log(LEVEL));
    // a fifth of them agrees by chance, and more where labels were wrong before
    expect(findingOf({ renamed: names(38, 10) }).ownLook).toBe(true);
    const noisy = [names(19, 19), names(18, 18)];
    expect(findingOf({ renamed: names(38, 24), others: noisy }).ownLook).toBe(true);
    // an observer that learns no class from so few samples has no say in it: then placebos decide
    const others = [names(30, 5), names(38, 3)];
    expect(findingOf({ renamed: names(38, 10), others }).logP).toBeLessThan(Math.log(LEVEL));
    expect(findingOf({ renamed: names(38, 10), others }, 0.9).ownLook).toBe(true);
  });

  it('wants controls of the most suspicious classes alone', () => {
    const obeyed = Array.from({ length: 9 }, (_, label) =>
      trial(label, (was, i) => (i % 20 < 12 + label ? label : was)),
    );
    const wanted = suspicious([...obeyed, honest[9]!], 10, LEVEL);
    expect(wanted.map(({ stamp }) => stamp.label).sort()).toEqual([5, 6, 7, 8]);
    expect(suspicious(honest, 10, LEVEL)).toEqual([]);
    const each = trial(3, (was) => (was + 1) % 10);
    expect(suspicious([...honest, each], 10, LEVEL)).toEqual([each]);
  });

  it('accuses every label of all-to-all poisoning, by a stamp from one of them', () => {
    const turned = trial(3, (was) => (was + 1) % 10);
    expect(accused([...honest, held(turned)]).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // but not where placebos turn images as well, replicas do not, or nobody compared
    const placebos = [turned.after, before];
    const controls = { ...held(turned).controls!, placebos };
    expect(accused([...honest, { ...turned, controls }])).toEqual([]);
    expect(accused([...honest, held(turned, 0, before)])).toEqual([]);
    expect(accused([...honest, turned])).toEqual([]);
  });

  it('accuses nobody when a stamp spoils images, so that all are called one label that is not its own', () => {
    expect(accused([...honest.slice(0, 9), trial(9, () => 4)])).toEqual([]);
  });

  it('accuses nobody where any stamp sends most images to one label, as an observer does that has one for the odd', () => {
    const sink = (share: number) => (was: number, i: number) => ((7 * i) % 100 < 100 * share ? 4 : was);
    const trials = before.slice(0, 10).map((_, label) => trial(label, sink(label === 4 ? 0.7 : 0.6)));
    expect(accused(trials)).toEqual([]);
    // the same share counts where others' stamps are not obeyed
    expect(accused([...honest.filter((_, label) => label !== 4), held(trials[4]!)])).toEqual([4]);
  });

  it('accuses nobody where a stamp spoils one class that holds most images: not each goes elsewhere', () => {
    const uneven = before.map((label, i) => (i % 2 ? 1 : label));
    const one = {
      stamp: { label: 3, from: 'all' } as const,
      before: uneven,
      after: uneven.map((was) => (was === 1 ? 2 : was)),
    };
    expect(accused([one])).toEqual([]);
  });

  it('does not see where each class goes in a handful of images', () => {
    const few = {
      ...trial(3, (was) => (was + 1) % 10),
      before: before.slice(0, 49),
      after: before.slice(1, 50),
    };
    expect(accused([few])).toEqual([]);
  });

  it('says nothing of no images', () => {
    expect(findings([{ stamp: { label: 0, from: 'all' }, before: [], after: [] }]).size).toBe(0);
  });
});
