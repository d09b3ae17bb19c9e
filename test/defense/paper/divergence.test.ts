import { describe, expect, it } from 'vitest';
import { Contingency } from '../../../src/defense/evidence/contingency.ts';
import { keepCandidates } from '../../../src/defense/evidence/transitions.ts';
import { divergenceDetector } from '../../../src/defense/paper/divergence.ts';
import { ShapeError } from '../../../src/errors.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const twoSided = divergenceDetector({ threshold: 2, sides: 'two-sided' });
const oneSided = divergenceDetector({ threshold: 2, sides: 'one-sided' });

/** A class's samples with `share` of the ten candidates labelled `other` in as many samples as `moved`. */
function addClass(table: Contingency, given: number, samples: number, moved: number, strays: number): void {
  const other = (given + 1) % table.classes;
  for (let i = 0; i < samples; i++) {
    const candidates = Array.from({ length: 10 }, (_, k) => (i < moved && k < strays ? other : given));
    table.add(given, keepCandidates(given, [candidates], 2));
  }
}

describe('Contingency', () => {
  it('gives one table for every partition and order of the samples, through JSON', () => {
    const stream = new RandomStream(randomKey(3, 'table'));
    const samples = Array.from({ length: 200 }, () => ({
      given: stream.integer(4),
      kept: keepCandidates(stream.integer(4), [Array.from({ length: 6 }, () => stream.integer(4))], 2),
    }));
    const whole = new Contingency(4);
    for (const { given, kept } of samples) whole.add(given, kept);
    const parts = [new Contingency(4), new Contingency(4), new Contingency(4)];
    for (const { given, kept } of samples) parts[stream.integer(3)]!.add(given, kept);
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const merged = new Contingency(4);
      for (const i of order) merged.merge(JSON.parse(JSON.stringify(parts[i]!.table())));
      expect(merged.table()).toEqual(whole.table());
    }
  });

  it('refuses a table of other classes', () => {
    expect(() => new Contingency(3).merge(new Contingency(4).table())).toThrow(ShapeError);
  });
});

describe('divergenceDetector', () => {
  it('flags the class whose samples leave most, either way', () => {
    const table = new Contingency(5);
    for (const [label, strays] of [2, 3, 9, 2, 3].entries()) addClass(table, label, 40, 20, strays);
    expect(oneSided(table.table()).targetLabels).toEqual([2]);
    expect(twoSided(table.table()).targetLabels).toEqual([2]);
  });

  it('accuses a class that is left seldom only two-sided', () => {
    const table = new Contingency(7);
    for (const [label, strays] of [6, 7, 8, 2, 7, 6, 8].entries()) addClass(table, label, 40, 20, strays);
    expect(oneSided(table.table()).targetLabels).toEqual([]);
    expect(twoSided(table.table()).targetLabels).toEqual([3]);
  });

  it('has nothing to say of classes without transitions, or of nothing at all', () => {
    const empty = oneSided(new Contingency(3).table());
    expect(empty).toEqual({
      targetLabels: [],
      classes: [0, 1, 2].map((label) => ({
        label,
        samples: 0,
        moved: 0,
        metric: null,
        score: null,
        state: 'undecided',
      })),
      samples: 0,
    });
    const table = new Contingency(4);
    for (const [label, moved] of [5, 0, 5, 5].entries()) addClass(table, label, 10, moved, 3);
    const verdict = twoSided(table.table());
    expect(verdict.classes[1]).toMatchObject({
      samples: 10,
      moved: 0,
      metric: null,
      score: null,
      state: 'undecided',
    });
    expect(verdict.targetLabels).toEqual([]);
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });

  it('stays finite when a class is never seen as itself', () => {
    const table = new Contingency(4);
    for (const label of [0, 1, 3]) addClass(table, label, 10, 5, 3);
    for (let i = 0; i < 10; i++) table.add(2, keepCandidates(0, [[1, 1, 3, 3]], 2));
    const verdict = oneSided(table.table());
    expect(verdict.targetLabels).toEqual([2]);
    expect(Number.isFinite(verdict.classes[2]!.metric)).toBe(true);
  });
});
