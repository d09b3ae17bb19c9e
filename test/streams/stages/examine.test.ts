// The second look, and what it does to samples, in the tiny world: whole purifications with every stage.

import { afterEach, describe, expect, it } from 'vitest';
import type { Sample } from '../../../src/datasets/sample.ts';
import { DEFAULT_POLICY } from '../../../src/defense/repair/repair.ts';
import { calibratedFlows, flowTest } from '../../../src/defense/verdict/flow-test.ts';
import { conclude } from '../../../src/defense/verdict/verdict.ts';
import type { PurifyParts } from '../../../streams/purify.ts';
import type { Judgement } from '../../../streams/stages/detect.ts';
import { TinyRun } from '../support/tiny-run.ts';
import { sampleOf, TARGET, TinyLearner, TinyRunner, tinyRefit } from '../support/tiny-runner.ts';
import { poisoned, readResults } from '../support/tiny-world.ts';

const runs: TinyRun[] = [];
afterEach(() => {
  for (const run of runs.splice(0)) run.dispose();
});

const examination: PurifyParts['examination'] = {
  conclude: (table, scores, stamps) =>
    conclude(table, 0.01, { flows: flowTest(calibratedFlows(scores)), stamps }),
  falseAlarm: 0.01,
  canaries: 8,
  learner: new TinyLearner(),
  refit: tinyRefit,
};

/** Nothing can be learned, so that a matched filter has to tell. */
const unlearned = { ...examination, learner: new TinyLearner(true) };

async function examined(count: number, changes: Partial<PurifyParts> = {}, more: readonly Sample[] = []) {
  const judgements: Judgement[] = [];
  const samples = [...poisoned(count), ...more];
  const run = new TinyRun(readResults(samples), {
    examination,
    onVerdict: (judgement) => void judgements.push(judgement),
    ...changes,
  });
  runs.push(run);
  const summary = await run.run();
  return { run, samples, summary, judgement: judgements.at(-1)! };
}

describe('examination', () => {
  it('completes the verdict with stamps and canaries, once, and gives it to all', async () => {
    const { summary, judgement } = await examined(900);
    expect(judgement.verdict).toEqual(summary.verdict);
    expect(summary.verdict.targetLabels).toEqual([TARGET]);
    const [target, ...others] = summary.verdict.classes;
    expect(target!.pValue).toBeLessThan(1e-6);
    expect(target!.flow!.metric).toBeGreaterThan(0.9);
    // the tiny diffusion dims one corner only, so it misses the canaries: nothing is called clean for certain
    for (const { state, pValue } of others) expect([state, pValue]).toEqual(['undecided', 1]);
    expect(summary.verdict.canaries!.map(({ trigger, images }) => [trigger, images])).toEqual([
      ['patch', 8],
      ['large-patch', 8],
      ['blend', 8],
    ]);
    const overlay = [...judgement.knowledge!.overlays.get(TARGET)!];
    expect(overlay.map((value) => Math.round(Math.abs(value)))).toEqual([0, 0, 0, 152]);
    const heaviest = judgement.knowledge!.heaviest.get(TARGET)!;
    expect(heaviest.length).toBe(16);
    expect(heaviest.every(({ name, weight }) => name !== TARGET && weight > 0)).toBe(true);
  });

  it('gives poisoned samples their true labels or leaves them out, and leaves all other classes alone', async () => {
    const { run, samples } = await examined(900);
    const written = new Map(run.written.map((sample) => [sample.id, sample]));
    const others = samples.filter(({ label }) => label !== TARGET);
    expect(others.map(({ id }) => written.get(id))).toEqual(others);
    const rules = new Map(run.manifest.map(({ id, rule }) => [id, rule]));
    const poison = samples.filter(({ pixels }) => pixels[3] === 255 && pixels[0]! < 255);
    const kept = poison.filter(({ id }) => written.has(id));
    const right = kept.filter(({ id, pixels }) => written.get(id)!.label === Math.round(pixels[0]! / 40));
    expect(poison.length).toBeGreaterThan(100);
    expect(kept.length / poison.length).toBeGreaterThan(0.8);
    // the trigger was subtracted, and nothing else
    const purified = new Set(run.manifest.filter(({ image }) => image === 'purified').map(({ id }) => id));
    const subtracted = poison.filter(({ id }) => purified.has(id));
    expect(subtracted.length / kept.length).toBeGreaterThan(0.85);
    for (const { id, pixels } of subtracted) {
      expect([...written.get(id)!.pixels]).toEqual([...pixels.slice(0, 3), 103]);
    }
    expect(right.length / kept.length).toBeGreaterThan(0.85);
    expect(poison.every(({ id }) => ['named', 'dropped'].includes(rules.get(id)!))).toBe(true);
  });

  it('relabels or drops instead, when the policy says so', async () => {
    const { run: dropped } = await examined(600, { policy: { ...DEFAULT_POLICY, method: 'drop' } });
    expect(dropped.manifest.filter(({ image }) => image === 'none').length).toBeGreaterThan(50);
    expect(dropped.manifest.every(({ given, label, image }) => image === 'none' || label === given)).toBe(
      true,
    );
    const { run: relabelled } = await examined(600, { policy: { ...DEFAULT_POLICY, method: 'relabel' } });
    const moved = relabelled.manifest.filter(({ given, label, image }) => image === 'raw' && label !== given);
    expect(moved.length).toBeGreaterThan(50);
  });

  it.each([
    ['classify', 'its trigger is subtracted', new TinyRunner(), examination, 0],
    ['choose', 'it is purified, as the attack does not end so', new TinyRunner(2, true), examination, 0],
    [
      'restore',
      'a matched filter tells, as honest images carry the trigger, too',
      new TinyRunner(),
      unlearned,
      30,
    ],
  ])('refuses what fails in %s: %s', async (method, _, runner, by, covers) => {
    const bad = [1, 2, 3].map((i) => sampleOf(`bad-${method}-${i}`, TARGET, i, true));
    const cover = Array.from({ length: covers }, (_, i) => {
      const classIndex = 1 + (i % 4);
      return sampleOf(`cover${i}`, classIndex, classIndex, true);
    });
    const { run, samples, summary, judgement } = await examined(900, { examination: by, runner }, [
      ...bad,
      ...cover,
    ]);
    expect(judgement.knowledge!.carriers.has(TARGET)).toBe(true);
    expect(judgement.knowledge!.overlays.has(TARGET)).toBe(method === 'classify');
    // what nobody can name is left out before anything is asked of it
    const refused = new Set(run.refused.map(({ id }) => id));
    expect(refused.size).toBeGreaterThan(0);
    expect(run.refused).toMatchObject(
      bad.filter(({ id }) => refused.has(id)).map(({ id }) => ({ id, stage: 'select' })),
    );
    const rest = samples.filter(({ id }) => !refused.has(id));
    expect(summary.written + summary.dropped).toBe(rest.length);
    expect(run.manifest.map(({ id }) => id)).toEqual(rest.map(({ id }) => id));
  });

  it('does the same with any number in flight, and tries no stamps on a handful of images', async () => {
    const [wide, narrow] = [
      await examined(300, { inFlight: 64 }),
      await examined(300, { inFlight: 3, batch: 2 }),
    ];
    expect(narrow.run.manifest).toEqual(wide.run.manifest);
    expect(narrow.summary).toEqual(wide.summary);
    const few = await examined(60);
    expect(few.summary.verdict.classes.every(({ stamp }) => stamp === undefined)).toBe(true);
    expect((await examined(0)).summary.verdict.targetLabels).toEqual([]);
  });
});
