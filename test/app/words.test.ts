// What a verdict says in words.

import { expect, it } from 'vitest';
import { inWords } from '../../src/app/words.ts';
import type { StampFinding } from '../../src/defense/verdict/stamp-test.ts';
import type { ClassVerdict, Verdict } from '../../src/defense/verdict/verdict.ts';

const NAMES = ['lion', 'sofa', 'b\u001b[31mus', 'none', 'tram'];
const one = (
  label: number,
  state: ClassVerdict['state'],
  more: Partial<ClassVerdict> = {},
): ClassVerdict => ({
  ...{ label, samples: 20, moved: 1, metric: null, score: null },
  ...{ state, ...more },
});
const said = (classes: readonly ClassVerdict[], names: readonly string[] = NAMES) => {
  const targetLabels = classes.filter(({ state }) => state === 'target').map(({ label }) => label);
  const verdict: Verdict = { targetLabels, classes, samples: 80 };
  return inWords(verdict, names);
};
const stamp: StampFinding = {
  ...{ recoveredFrom: 0, way: 'one', images: 217, hits: 143, rate: 0.66, interval: [0.6, 0.7], logP: -30 },
};

it('names what was found and why, what was ruled out and how well, and what nobody can tell', () => {
  const lines = said([
    one(0, 'target', { pValue: 4e-13, stamp }),
    one(1, 'clean', { power: { patch: 0.05, blend: 0.2, 'large-patch': null } }),
    one(2, 'undecided', { reasons: ['few-samples', 'doubt'] }),
    one(3, 'undecided', { samples: 0, reasons: ['no-samples'] }),
    one(4, 'clean', { power: { patch: 0.073, blend: null } }),
  ]);
  expect(lines).toEqual([
    'Poison was found in 1 of 4 classes (80 samples): lion.',
    'lion: what purification removed from it turns 143 of 217 other images (p 4e-13).',
    // of blends and large patches not all classes would have told
    'Clean: sofa, tram. Poison of so much of a class would have shown: patch 8 %.',
    'Nobody can tell: b\\u001b[31mus (it has too few samples).',
    'Next: repair the dataset with `dataelixir purify`, and look at the evidence.',
  ]);
});

it('tells what leaves where that accuses, and what silence is worth where nothing does', () => {
  const flow = { metric: 0.9, interval: [0.8, 1], logP: -40, blind: false } as const;
  const [, why] = said([one(0, 'target', { pValue: 1e-15, stamp, flow })]);
  expect(why).toMatch(/^lion: its samples are other classes/);
  expect(said([one(0, 'undecided', { reasons: ['no-power'] })], [])).toEqual([
    'No poison was found in 80 samples of 1 classes.',
    'Nobody can tell: label 0 (not even poison of half of the class would have shown).',
    'Next: silence about those classes is no news; docs/method.md says what helps.',
  ]);
  expect(said([one(1, 'clean')])).toEqual([
    'No poison was found in 80 samples of 1 classes.',
    'Clean: sofa.',
  ]);
});

it('lists a few names of many', () => {
  const many = Array.from({ length: 43 }, (_, label) => one(label, 'clean'));
  expect(said(many, [])[1]).toBe(
    'Clean: label 0, label 1, label 2, label 3, label 4, label 5, label 6, label 7 and 35 more.',
  );
});
