import { describe, expect, it } from 'vitest';
import type { TransitionRecord } from '../../src/ports/records.ts';
import { defaultSettings } from './definition.ts';
import { simulated } from './simulation.ts';
import { countAlarms, judgeOf, resampled } from './verdicts.ts';

const CLASSES = 10;
const judge = judgeOf(defaultSettings(), CLASSES);
const never = new AbortController().signal;

/** Two samples in three of class 0 were poisoned: purified, they go home to all other classes. */
function attacked(draw: number): TransitionRecord[] {
  return [...simulated(CLASSES, draw)].flatMap((record, i) => {
    const home = 1 + (i % (CLASSES - 1));
    const poisoned = { id: '', label: 0, raw: 0, labels: [[0], [home], [home], [home], [home]] };
    return record.label === 0 ? [record] : [record, poisoned];
  });
}

describe('simulated', () => {
  it('draws the same dataset again, and another one for another number', () => {
    expect([...simulated(CLASSES, 3)]).toEqual([...simulated(CLASSES, 3)]);
    expect([...simulated(CLASSES, 4)]).not.toEqual([...simulated(CLASSES, 3)]);
  });

  it('draws uneven, unevenly brittle classes that are confused in pairs', () => {
    const sizes = new Array<number>(CLASSES).fill(0);
    const flips = Array.from({ length: CLASSES }, () => new Array<number>(CLASSES).fill(0));
    for (const { label, labels } of [0, 1, 2].flatMap((draw) => [...simulated(CLASSES, draw)])) {
      expect(labels).toHaveLength(5);
      sizes[label]!++;
      const other = labels.flat().find((seen) => seen !== label);
      if (other !== undefined) flips[label]![other]!++;
    }
    const shares = flips.map((row, label) => row.reduce((sum, count) => sum + count, 0) / sizes[label]!);
    expect(Math.max(...sizes)).toBeGreaterThan(1.5 * Math.min(...sizes));
    expect(Math.max(...shares)).toBeGreaterThan(0.3);
    expect(Math.min(...shares)).toBeLessThan(0.2);
    expect(flips.every((row, label) => row[label] === 0)).toBe(true);
  });
});

describe('countAlarms', () => {
  it('counts attacked datasets, and few clean ones', async () => {
    expect(await countAlarms(judge, 20, attacked, never)).toBe(20);
    expect(await countAlarms(judge, 20, (draw) => simulated(CLASSES, draw), never)).toBeLessThan(5);
  });

  it('ends when interrupted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(countAlarms(judge, 1, attacked, signal)).rejects.toThrow('enough');
  });
});

describe('resampled', () => {
  it('draws as many with replacement, the same for the same number', () => {
    const items = Array.from({ length: 1000 }, (_, i) => i);
    const first = [...resampled(items, 1, 0)];
    expect(first).toHaveLength(1000);
    // 1 − 1/e of them occur
    expect(new Set(first).size).toBeGreaterThan(600);
    expect(new Set(first).size).toBeLessThan(665);
    expect([...resampled(items, 1, 0)]).toEqual(first);
    expect([...resampled(items, 1, 1)]).not.toEqual(first);
    expect([...resampled(items, 2, 0)]).not.toEqual(first);
  });
});
