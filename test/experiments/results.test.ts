import { describe, expect, it } from 'vitest';
import type { Metrics } from '../../src/state/record.ts';
import { defaultSettings } from './definition.ts';
import { criteriaOf, type RunFigures, runFigures } from './figures.ts';
import { page } from './page.ts';
import { type Entry, withEntry } from './results.ts';

const metrics: Metrics = {
  dataset: { name: 'shapes', train: 100, test: 10, classes: 3 },
  attack: { name: 'badnet', labels: 'all-to-one', rate: 0.1, target: 2 },
  clean: { ba: 0.9, asr: 0.025 },
  backdoored: { ba: 0.9, asr: 0.99 },
  defended: { ba: 0.885, asr: 0.035 },
  detection: { targetLabels: [2], tpr: 0.95, fpr: 0.01, labelAccuracy: 0.8 },
  cost: { denoiserCallsPerSample: 15, seconds: { clean: 100, denoiser: 50, observe: 7.4 }, peakRssMiB: 9 },
};
const figures = runFigures(metrics, defaultSettings());
const criteria = (change: Partial<RunFigures>) => criteriaOf({ ...figures, ...change });

describe('criteriaOf', () => {
  it('holds at the limits: 1 point of ASR and 1.5 of BA beside the clean model', () => {
    expect(criteriaOf(figures)).toEqual({ flagged: true, asr: true, ba: true });
    expect(criteria({ defended: { ba: 0.884, asr: 0.036 } })).toEqual({
      flagged: true,
      asr: false,
      ba: false,
    });
    expect(criteria({ clean: { ba: 0.9, asr: 0 }, defended: { ba: 0.95, asr: 0.03 } })).toEqual({
      flagged: true,
      asr: true,
      ba: true,
    });
  });

  it('wants exactly the attacked labels', () => {
    expect(criteria({ flagged: [] }).flagged).toBe(false);
    expect(criteria({ flagged: [1, 2] }).flagged).toBe(false);
    const { target: _, ...attack } = metrics.attack!;
    const all = runFigures({ ...metrics, attack }, defaultSettings());
    expect(all.attacked).toEqual([0, 1, 2]);
    expect(criteriaOf(all).flagged).toBe(false);
    expect(criteriaOf({ ...all, flagged: [0, 1, 2] }).flagged).toBe(true);
  });

  it('does not hold where a figure is missing', () => {
    const { defended: _, ...rest } = figures;
    expect(criteriaOf(rest)).toEqual({ flagged: true, asr: false, ba: false });
  });

  it('asks nothing where the attack had no effect', () => {
    expect(criteria({ backdoored: { ba: 0.9, asr: 0.79 } })).toEqual({});
  });

  it('wants a clean dataset back as it was', () => {
    const clean = { attack: 'none', attacked: [], flagged: [] };
    expect(criteria({ ...clean, unchanged: true })).toEqual({ flagged: true, unchanged: true });
    expect(criteria(clean)).toEqual({ flagged: true, unchanged: false });
    expect(criteria({ ...clean, unchanged: true, flagged: [1] }).flagged).toBe(false);
  });

  it('allows one false alarm in a hundred datasets', () => {
    const alarm = { kind: 'bootstrap', of: 'x', datasets: 200, seconds: 1 } as const;
    expect(criteriaOf({ ...alarm, alarms: 2 })).toEqual({ alarms: true });
    expect(criteriaOf({ ...alarm, alarms: 3 })).toEqual({ alarms: false });
  });
});

const provenance = { date: '2026-01-02T03:04:05.000Z', commit: 'abc', machine: 'slow, 2 cores' };
const entry = (row: string, more: Partial<Entry> = {}): Entry => ({
  row,
  definition: 'x',
  ...provenance,
  figures,
  criteria: criteriaOf(figures),
  ...more,
});

describe('withEntry', () => {
  it('replaces a row, keeps the order of the list, and puts unknown rows last', () => {
    const entries = [entry('gone'), entry('b'), entry('a')].reduce<Entry[]>(
      (all, one) => withEntry(all, one, ['a', 'b']),
      [],
    );
    expect(entries.map(({ row }) => row)).toEqual(['a', 'b', 'gone']);
    const again = withEntry(entries, entry('b', { commit: 'new' }), ['a', 'b']);
    expect(again.map(({ row, commit }) => [row, commit])).toEqual([
      ['a', 'abc'],
      ['b', 'new'],
      ['gone', 'abc'],
    ]);
  });
});

describe('page', () => {
  it('shows figures, what does not hold, and what is missing', () => {
    const bad = runFigures({ ...metrics, defended: { ba: 0.5, asr: 0.01 } }, defaultSettings());
    const text = page(
      [
        entry('a', { note: 'a note' }),
        entry('b', { figures: bad, criteria: criteriaOf(bad) }),
        entry('c', {
          figures: { kind: 'simulation', of: '3 classes', datasets: 200, alarms: 1, seconds: 2 },
          criteria: { alarms: true },
        }),
      ],
      [
        { row: 'd', state: 'due' },
        { row: 'e', state: 'due' },
      ],
    );
    const lines = text.split('\n');
    expect(lines).toContain(
      '| badnet (1) | 10 % | 0 | 90.0 % / 2.5 % | 90.0 % / 99.0 % | 88.5 % / 3.5 % | 2 | 2 | 95.0 % | 1.0 % | 80.0 % | 15.0 | 7 | yes |',
    );
    expect(lines).toContain('(1) a note');
    expect(text).toContain('| 50.0 % / 1.0 % | 2 | 2 | 95.0 % | 1.0 % | 80.0 % | 15.0 | 7 | no: ba |');
    expect(lines).toContain('| 3 classes | 200 | 1 (0.50 %) | 2 | yes |');
    expect(lines).toContain('| due | d, e |');
    expect(lines).toContain('| abc | slow, 2 cores | 2026-01-02 | a, b, c |');
  });

  it('is the same for the same entries in any order', () => {
    expect(page([entry('b'), entry('a')], [])).toBe(page([entry('a'), entry('b')], []));
  });
});
