import { describe, expect, it } from 'vitest';
import { Naming } from '../../../src/defense/repair/naming.ts';
import {
  DEFAULT_POLICY,
  decideAgreed,
  decideConsensus,
  decideNamed,
  decideRepair,
  decideRestored,
  decideSubtracted,
  PAPER_POLICY,
  type Repair,
  type RepairPolicy,
} from '../../../src/defense/repair/repair.ts';

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

describe('decideNamed', () => {
  // Three classes; of those given 0 a half show 1 and none comes back; 1 and 2 are confused both ways.
  const scoresOf = (name: number) => [0, 1, 2].map((label) => (label === name ? -0.05 : -4));
  const shown: [given: number, name: number, count: number][] = [
    [0, 0, 40],
    [0, 1, 40],
    [1, 1, 60],
    [1, 2, 20],
    [2, 2, 60],
    [2, 1, 20],
  ];
  const all = shown.flatMap(([given, name, count]) => Array.from({ length: count }, () => ({ given, name })));
  const table = {
    classes: 3,
    labels: Int32Array.from(all, ({ given }) => given),
    scores: Float32Array.from(all.flatMap(({ name }) => scoresOf(name))),
  };
  const naming = new Naming(table, [0, 1]);
  const sample = (label: number, name: number) => ({
    label,
    raw: label,
    labels: [[label, name]],
    scores: scoresOf(name),
  });
  const decide = (label: number, name: number, suspect = {}, method: RepairPolicy['method'] = 'auto') =>
    decideNamed(
      sample(label, name),
      naming,
      { local: false, overlaid: false, cleanLabel: false, carries: undefined, ...suspect },
      { method },
    );

  it('knows where samples go for being poisoned, and where nobody can tell', () => {
    expect(naming.nameOf(scoresOf(1))).toBe(1);
    const sure = (given: number, name: number) => naming.isSure(given, scoresOf(name));
    expect([sure(0, 1), sure(1, 2), sure(2, 2)]).toEqual([true, false, true]);
  });

  it('relabels what is surely poison, keeps what shows its label, drops the rest', () => {
    expect(decide(0, 1)).toMatchObject({ action: 'relabel', label: 1, rule: 'named' });
    expect(decide(0, 0)).toMatchObject({ action: 'keep', label: 0 });
    expect(decide(1, 2)).toMatchObject({ action: 'drop' });
  });

  it('restores where the trigger is small, whatever the sample shows', () => {
    for (const name of [0, 1, 2]) expect(decide(0, name, { local: true }).action).toBe('restore');
  });

  it('leaves alone what shows its label and does not carry a small trigger', () => {
    const clear = { local: true, carries: false };
    expect(decide(0, 0, clear)).toMatchObject({ action: 'keep', label: 0 });
    expect(decide(1, 2, clear)).toMatchObject({ action: 'keep', label: 1 });
    // but what surely is poison, for all that its purified images show
    expect(decide(0, 1, clear)).toMatchObject({ action: 'restore' });
  });

  it.each([
    // the observer called the raw image as it was given
    { raw: 0, carries: undefined, observed: 'any', label: 0 },
    { raw: 0, carries: true, observed: 'other', label: 1 },
    { raw: 0, carries: false, observed: 'any', label: 0 },
    { raw: 0, cleanLabel: true, observed: 'doubt', label: 0 },
    { raw: 2, cleanLabel: true, label: 0 },
    // it did not: no trigger spoke for the label, unless it is known to be there
    { raw: 2, carries: undefined, label: 1 },
    { raw: 2, carries: true, observed: 'other', label: 1 },
    { raw: 2, carries: false, label: 1 },
  ])('names what it restores: $raw seen, carries $carries', ({ raw, observed, label, ...known }) => {
    const suspect = { local: true, overlaid: false, cleanLabel: false, carries: undefined, ...known };
    const repair = decideNamed({ ...sample(0, 1), raw }, naming, suspect, ours);
    expect(repair).toMatchObject({ action: 'restore', label });
    expect(repair.observed).toBe(observed);
    // what nobody can be sure of keeps its label
    const unsure = decideNamed({ ...sample(1, 2), raw: 0 }, naming, { ...suspect, carries: undefined }, ours);
    expect([unsure.label, unsure.observed]).toEqual([1, undefined]);
    // nothing speaks against a label that the purified images show, too
    expect(decide(0, 0, { local: true, cleanLabel: true }).observed).toBeUndefined();
  });

  it('believes the observer on restored images, but not that known poison had its label', () => {
    const repair = decide(0, 1, { local: true });
    const renamed = (observed: Repair['observed'], label: number, seen: number) => {
      const { observed: _, ...fixed } = repair;
      const decided = decideRestored({ ...fixed, label, ...(observed && { observed }) }, 0, seen);
      return [decided.action, decided.label];
    };
    expect(renamed(undefined, 1, 2)).toEqual(['restore', 1]);
    expect(renamed('any', 1, 0)).toEqual(['restore', 0]);
    expect(renamed('other', 1, 2)).toEqual(['restore', 2]);
    expect(renamed('other', 1, 0)).toEqual(['restore', 1]);
    expect(renamed('other', 0, 0)).toEqual(['drop', 0]);
    expect(renamed('doubt', 0, 0)).toEqual(['restore', 0]);
    expect(renamed('doubt', 0, 2)).toEqual(['drop', 0]);
  });

  it('goes by what the sample carries, if that is known', () => {
    expect(decide(1, 2, { carries: false })).toMatchObject({ action: 'keep', label: 1 });
    // surely poison by its name, but without the trigger
    expect(decide(0, 1, { carries: false })).toMatchObject({ action: 'drop' });
    expect(decide(1, 2, { carries: true })).toMatchObject({ action: 'purify', label: 2, among: [1, 2] });
    expect(decide(1, 2, { carries: true }, 'relabel')).toMatchObject({ action: 'relabel', label: 2 });
    // it carries the trigger and was not sent home: nobody knows its label
    expect(decide(0, 0, { carries: true })).toMatchObject({ action: 'drop' });
  });

  it('takes an overlaid trigger off what carries it, and believes the observer where it is sure of another label', () => {
    const repair = decide(0, 0, { carries: true, overlaid: true });
    expect(repair).toMatchObject({ action: 'subtract', label: 0, rule: 'named' });
    const named = (label: number, confidence: number) => {
      const decided = decideSubtracted(repair, 0, { label, confidence });
      return [decided.action, decided.label];
    };
    expect(named(2, 0.8)).toEqual(['subtract', 2]);
    expect(named(2, 0.6)).toEqual(['drop', 0]);
    expect(named(0, 0.99)).toEqual(['drop', 0]);
    // as told, and only where it is known that the sample carries it and that its label is wrong
    expect(decide(0, 1, { carries: true, overlaid: true }, 'purify').action).toBe('purify');
    expect(decide(0, 0, { carries: false, overlaid: true }).action).toBe('keep');
    expect(decide(0, 1, { carries: true, overlaid: true, cleanLabel: true }).action).toBe('drop');
  });

  it('leaves out what carries the trigger of a clean-label attack, or purifies it when told so', () => {
    const found = { carries: true, cleanLabel: true };
    expect(decide(0, 1, found)).toMatchObject({ action: 'drop', label: 0 });
    expect(decide(0, 1, found, 'purify')).toMatchObject({ action: 'purify', label: 0, among: [1, 2] });
    expect(decide(0, 0, found, 'drop').action).toBe('drop');
  });

  it('purifies or drops instead, when told so', () => {
    expect(decide(0, 1, {}, 'purify')).toMatchObject({ action: 'purify', label: 1, among: [1, 2] });
    expect(decide(0, 1, {}, 'drop').action).toBe('drop');
    expect(decide(0, 0, { local: true }, 'relabel').action).toBe('keep');
  });
});
