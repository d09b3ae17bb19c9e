import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { checkVerdict } from '../../src/cli/gate.ts';
import type { ClassVerdict } from '../../src/defense/verdict/verdict.ts';
import { PoisonError } from '../../src/errors.ts';
import { dataelixir } from './program.ts';

function checked(failOn: string, states: readonly ClassVerdict['state'][]): () => void {
  const args = new Map([['detect.failOn', failOn]]);
  const settings = loadSettings({ args, readPreset: (name) => ({ name, text: '' }) });
  const classes = states.map((state, label) => ({ label, state, samples: 9, moved: 3, metric: 0, score: 0 }));
  return () => checkVerdict(settings, { classes });
}

describe('checkVerdict', () => {
  it.each([
    ['never', ['target', 'undecided']],
    ['poison', ['clean', 'undecided']],
    ['undecided', ['clean', 'clean']],
    ['undecided', []],
  ] as const)('%s lets %j pass', (failOn, states) => {
    expect(checked(failOn, states)).not.toThrow();
  });

  it('asks nothing of a class without samples', () => {
    const args = new Map([['detect.failOn', 'undecided']]);
    const settings = loadSettings({ args, readPreset: (name) => ({ name, text: '' }) });
    const classes = [0, 9].map((samples, label) => ({
      label,
      state: samples > 0 ? ('clean' as const) : ('undecided' as const),
      samples,
      moved: 0,
      metric: null,
      score: null,
    }));
    expect(() => checkVerdict(settings, { classes })).not.toThrow();
  });

  it.each([
    ['poison', ['clean', 'target', 'target'], /\(--fail-on poison\), found target 1, 2; all results/],
    ['undecided', ['undecided', 'clean'], /found undecided 0;/],
    ['undecided', ['undecided', 'target'], /found target 1; undecided 0;/],
  ] as const)('%s stops %j', (failOn, states, message) => {
    expect(checked(failOn, states)).toThrow(PoisonError);
    expect(checked(failOn, states)).toThrow(message);
  });
});

describe('detect --fail-on poison', () => {
  // the samples of label 0 leave for all others, and nothing comes back
  const record = (i: number, label: number, seen: number) =>
    `${JSON.stringify({ id: `${i}`, label, raw: label, labels: [[seen, seen]] })}\n`;
  const poisoned = Array.from({ length: 900 }, (_, i) => {
    const label = i % 3;
    return record(i, label, label === 0 && i % 2 === 0 ? 1 + (i % 4) / 2 : label);
  });
  const args = ['detect', '--dataset-classes', '3', '--fail-on', 'poison'];

  it('ends with 8 after the verdict', async () => {
    const ended = await dataelixir(args, { stdin: poisoned.join('') });
    expect(JSON.parse(ended.stdout)).toMatchObject({ targetLabels: [0], samples: 900 });
    expect(ended.code).toBe(8);
    expect(ended.stderr).toContain('found target 0');
  });

  it('ends with 0 where nothing is flagged', async () => {
    const clean = Array.from({ length: 300 }, (_, i) => record(i, i % 3, i % 3));
    const ended = await dataelixir(args, { stdin: clean.join('') });
    expect(JSON.parse(ended.stdout)).toMatchObject({ targetLabels: [], samples: 300 });
    expect(ended.code).toBe(0);
  });
});
