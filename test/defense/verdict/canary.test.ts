import { describe, expect, it } from 'vitest';
import {
  canaryFinding,
  canaryStamps,
  leavingRate,
  removedShare,
} from '../../../src/defense/verdict/canary.ts';
import type { Verdict } from '../../../src/defense/verdict/verdict.ts';
import { withCanaries } from '../../../src/defense/verdict/verdict.ts';

const gray = new Uint8Array(3 * 20 * 30).fill(100);

describe('canaryStamps', () => {
  it('stamps a chequered patch of a tenth of the side, in all channels', () => {
    const stamped = canaryStamps([3, 20, 30]).patch(gray);
    const changed = [...stamped.entries()].filter(([i, value]) => value !== gray[i]);
    expect(changed.map(([i, value]) => [Math.floor((i % 600) / 30), i % 30, value]).slice(0, 4)).toEqual([
      [1, 1, 255],
      [1, 2, 0],
      [2, 1, 0],
      [2, 2, 255],
    ]);
    expect(changed.length).toBe(3 * 4);
  });

  it('blends a picture in, the same one each time, over all of the image', () => {
    const { blend } = canaryStamps([3, 20, 30]);
    const stamped = blend(gray);
    expect([...blend(gray)]).toEqual([...stamped]);
    const values = [...stamped];
    expect(Math.min(...values)).toBeGreaterThanOrEqual(80);
    expect(Math.max(...values)).toBeLessThanOrEqual(131);
    expect(new Set(values).size).toBeGreaterThan(40);
  });

  it('stamps a large patch of extreme colours in the opposite corner', () => {
    const stamped = canaryStamps([3, 20, 30])['large-patch'](gray);
    const changed = [...stamped.entries()].filter(([i, value]) => value !== gray[i]);
    expect(changed.length).toBe(3 * 5 * 5);
    const places = changed.map(([i]) => [Math.floor((i % 600) / 30), i % 30]);
    expect([Math.min(...places.map(([y]) => y!)), Math.max(...places.map(([y]) => y!))]).toEqual([14, 18]);
    expect([Math.min(...places.map(([, x]) => x!)), Math.max(...places.map(([, x]) => x!))]).toEqual([
      24, 28,
    ]);
    expect(new Set(changed.map(([, value]) => value))).toEqual(new Set([0, 255]));
  });

  it('fits the patches into tiny images', () => {
    expect([...canaryStamps([1, 2, 2]).patch(Uint8Array.of(9, 9, 9, 9))]).toEqual([9, 9, 9, 255]);
    const large = [...canaryStamps([1, 2, 2])['large-patch'](Uint8Array.of(9, 9, 9, 9))];
    expect(large.slice(1)).toEqual([9, 9, 9]);
    expect([0, 255]).toContain(large[0]);
  });
});

describe('removedShare', () => {
  const [raw, stamped] = [Uint8Array.of(10, 10, 10), Uint8Array.of(10, 110, 10)];

  it('is 1 where the stamp is gone, 0 where it is all there, and between', () => {
    expect(removedShare(raw, stamped, raw)).toBe(1);
    expect(removedShare(raw, stamped, stamped)).toBe(0);
    expect(removedShare(raw, stamped, Uint8Array.of(200, 60, 0))).toBe(0.5);
    expect(removedShare(raw, raw, raw)).toBe(0);
  });
});

describe('canaryFinding', () => {
  it('counts what lost its stamp and kept its label', () => {
    const canaries = [
      { removed: 0.9, recovered: true },
      { removed: 0.9, recovered: false },
      { removed: 0.4, recovered: true },
      { removed: 0.5, recovered: true },
    ];
    expect(canaryFinding('patch', canaries)).toMatchObject({
      trigger: 'patch',
      images: 4,
      hits: 2,
      rate: 0.5,
    });
    expect(canaryFinding('patch', [])).toBeUndefined();
  });

  it('tells those that were obeyed before, where the observer was taught the stamp', () => {
    const canaries = [
      { removed: 0.9, recovered: true, obeyed: true },
      { removed: 0.9, recovered: true, obeyed: false },
      { removed: 0.9, recovered: false, obeyed: true },
    ];
    const taught = canaryFinding('patch', canaries, 0.75)!;
    expect(taught).toMatchObject({ hits: 2, betrayed: 1, learned: 0.75 });
    expect(leavingRate(taught)).toBeCloseTo(1 / 3);
    expect(leavingRate(canaryFinding('patch', canaries)!)).toBeCloseTo(2 / 3);
  });
});

describe('withCanaries', () => {
  const found = (label: number, state: 'clean' | 'target') => ({
    label,
    samples: 50,
    moved: 0,
    metric: null,
    score: 0,
    state,
  });
  const verdict: Verdict = {
    targetLabels: [1],
    classes: [found(0, 'clean'), found(1, 'target')],
    samples: 100,
  };
  const canary = (rate: number) => ({
    trigger: 'patch',
    images: 10,
    hits: 10 * rate,
    rate,
    interval: [0, 1] as const,
  });
  const judged = (rates: readonly number[]) => withCanaries(verdict, rates.map(canary));
  const states = (rates: readonly number[]) => judged(rates).classes.map(({ state }) => state);

  it('calls nothing clean where even known triggers are missed, and accuses nobody for it', () => {
    expect(states([0.2, 0.4])).toEqual(['undecided', 'target']);
    expect(states([0.2, 0.8])).toEqual(['clean', 'target']);
    expect(states([])).toEqual(['clean', 'target']);
  });

  it('accuses nobody where hardly any known trigger is sent home: what leaves is spoilt then', () => {
    expect(states([0, 0.1])).toEqual(['undecided', 'undecided']);
    expect(judged([0, 0.1]).targetLabels).toEqual([]);
    expect(judged([0, 0.2]).targetLabels).toEqual([1]);
  });
});
