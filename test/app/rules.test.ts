// The options' defaults and the preset `paper` must be the policies and plans that the code documents.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { detectionOf, fineTuningOf, planOf, policyOf, trainingOf } from '../../src/app/rules.ts';
import { DEFAULT_POLICY, PAPER_POLICY } from '../../src/defense/repair/repair.ts';
import { cellsOf } from '../support/cells.ts';

const readPreset = (name: string) => ({ name, text: readFileSync(`config/${name}.yaml`, 'utf8') });
const own = loadSettings({ readPreset });
const paper = loadSettings({ readPreset, args: new Map([['preset', 'paper']]) });

describe('rules', () => {
  it('repair by the documented policies', () => {
    expect(policyOf(own)).toEqual(DEFAULT_POLICY);
    expect(policyOf(paper)).toEqual(PAPER_POLICY);
  });

  it.each([
    ['repair.method', 'drop', (value: unknown) => ({ method: value })],
    [
      'repair.stable',
      'purify',
      (value: unknown) => ({ actions: { ...policyOf(own).actions, stable: value } }),
    ],
    [
      'repair.unanimous',
      'drop',
      (value: unknown) => ({ actions: { ...policyOf(own).actions, unanimous: value } }),
    ],
    ['repair.mixed', 'wait', (value: unknown) => ({ actions: { ...policyOf(own).actions, mixed: value } })],
    ['repair.rawAllowed', 'true', () => ({ rawAllowed: true })],
    ['repair.confidence', '0.3', () => ({ confidence: 0.3 })],
    ['detect.minority', '7', () => ({ minority: 7 })],
  ] as const)('take %s from the settings, and nothing else changes', (option, value, changed) => {
    const settings = loadSettings({ readPreset, args: new Map([[option, value]]) });
    const policy = policyOf(settings);
    expect(policy).toEqual({ ...policyOf(own), ...changed(value) });
    expect(policy).not.toEqual(policyOf(own));
  });

  it("have the paper's numbers in its preset", () => {
    expect(planOf(paper)).toEqual({
      depth: 150,
      rounds: 5,
      steps: 150,
      keep: 10,
      kept: 'state',
      variance: 'fixed-large',
      seed: 0,
    });
    expect(trainingOf(paper)).toMatchObject({
      epochs: 100,
      batch: 128,
      learningRate: 0.01,
      weightDecay: 5e-4,
    });
    expect(fineTuningOf(paper).learningRate).toBe(0.002);
    expect(paper.classifier).toMatchObject({ network: 'preactresnet18', widths: [64, 128, 256, 512] });
    expect(paper.repair.quantile).toBe(0.8);
  });

  it('judge by the configured rule', () => {
    const table = {
      classes: 3,
      samples: [10, 10, 10],
      moved: [5, 5, 5],
      // Class 0 stands out below the median: few of its kept images carry another label.
      kept: cellsOf([99, 1, 0, 30, 50, 20, 20, 32, 48]),
      destinations: cellsOf([10, 0, 0, 0, 10, 0, 0, 0, 10]),
      known: cellsOf([10, 0, 0, 0, 10, 0, 0, 0, 10]),
    };
    const none = new Int32Array();
    const scores = { classes: 3, labels: none, raws: none, scores: new Float32Array() };
    expect(detectionOf(paper, 3).detector(table, scores).targetLabels).toEqual([0]);
    const above = loadSettings({
      readPreset,
      args: new Map([
        ['detect.rule', 'divergence'],
        ['detect.sides', 'one-sided'],
      ]),
    });
    expect(detectionOf(above, 3).detector(table, scores).targetLabels).toEqual([]);
    expect(detectionOf(own, 3).detector(table, scores).targetLabels).toEqual([]);
  });
});
