import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ReadResult, Sample } from '../../src/datasets/sample.ts';
import { DEFAULT_POLICY, PAPER_POLICY, type RepairPolicy } from '../../src/defense/repair/repair.ts';
import { purify } from '../../streams/purify.ts';
import { type TinyChanges, TinyRun } from './support/tiny-run.ts';
import { imageOf, sampleOf, TARGET } from './support/tiny-runner.ts';
import { detection, poisoned, readResults } from './support/tiny-world.ts';

const runs: TinyRun[] = [];
afterEach(() => {
  for (const run of runs.splice(0)) run.dispose();
});

function tinyRun(source?: AsyncIterable<ReadResult>, changes?: TinyChanges, concurrency?: number) {
  const run = new TinyRun(source, changes, concurrency);
  runs.push(run);
  return run;
}

/** Takes candidates as the paper does, but raw images never; mixed samples wait for the benign model. */
const CANDIDATES: RepairPolicy = {
  ...DEFAULT_POLICY,
  minority: detection.minority,
  actions: { stable: 'purify', unanimous: 'purify', mixed: 'wait' },
};

/** For what happens soon after, on a machine that may be busy. */
const PATIENCE = { timeout: 20_000, interval: 5 };
const bright = (sample: Sample) => sample.pixels[3] === 255;
const trueLabel = (sample: Sample) => Math.round(sample.pixels[0]! / 40);
const idsOf = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id);

/** Notes how far it was pulled and whether it was closed. */
function watched(samples: Iterable<Sample>) {
  const seen = { pulled: 0, closed: false };
  async function* results(): AsyncGenerator<ReadResult> {
    try {
      for (const sample of samples) {
        seen.pulled += 1;
        yield { ok: true, sample };
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, source: results() };
}

/** Poisoned samples lost trigger and label, but for every seventh whose trigger the tiny diffusion leaves whole. */
function expectRepaired(samples: readonly Sample[], run: TinyRun): void {
  const repaired = new Map(run.written.map((sample) => [sample.id, sample]));
  const rules = new Map(run.manifest.map(({ id, rule }) => [id, rule]));
  const poison = samples.filter((sample) => bright(sample) && rules.get(sample.id) !== 'stable');
  expect(poison.length).toBeGreaterThan(25);
  for (const { id } of poison) {
    const sample = repaired.get(id)!;
    expect([id, sample.label, bright(sample)]).toEqual([id, trueLabel(sample), false]);
  }
  const untouched = samples.filter(({ label }) => label !== TARGET);
  expect(untouched.map(({ id }) => repaired.get(id))).toEqual(untouched);
}

describe('purify', () => {
  it('repairs a poisoned dataset: the target is flagged, its samples lose the trigger and get their labels', async () => {
    const samples = poisoned(300);
    const run = tinyRun(readResults(samples));
    const summary = await run.run();
    expect(summary.verdict.targetLabels).toEqual([TARGET]);
    expect(summary).toMatchObject({ written: 300, dropped: 0, refused: 0 });
    expect(new Set(Object.keys(summary.rules))).toEqual(
      new Set(['unflagged', 'stable', 'unanimous', 'mixed']),
    );
    expectRepaired(samples, run);
    expect(run.runner.calls.choose).toBe(0);
    expect(run.trainer.finished).toBe(1);
    const mixed = run.manifest.find(({ rule, label, given }) => rule === 'mixed' && label !== given)!;
    expect(mixed.reason).toMatch(
      /^class 0 is flagged; .*; the observer says 0, and without the trigger [1-5]$/,
    );
  });

  it('repairs it with candidates and the benign model, as the paper does', async () => {
    const samples = poisoned(300);
    const run = tinyRun(readResults(samples), { policy: CANDIDATES });
    const { rules } = await run.run();
    expect(new Set(Object.keys(rules))).toEqual(
      new Set(['unflagged', 'stable', 'unanimous', 'agreed', 'consensus']),
    );
    expectRepaired(samples, run);
    expect(run.runner.calls.restore).toBe(0);
  });

  it('writes in source order, one manifest line a sample, each with rule and reason', async () => {
    const samples = poisoned(120);
    const run = tinyRun(readResults(samples));
    await run.run();
    expect(idsOf(run.manifest)).toEqual(idsOf(samples));
    expect(idsOf(run.written)).toEqual(idsOf(samples));
    expect(idsOf(run.transitions)).toEqual(idsOf(samples));
    for (const [i, entry] of run.manifest.entries()) {
      expect(entry.given).toBe(samples[i]!.label);
      expect(entry.image).toBe(entry.rule === 'unflagged' ? 'raw' : 'purified');
      expect(entry.reason).not.toBe('');
    }
  });

  it.each([
    ['default', {}],
    ['candidates', { policy: CANDIDATES }],
  ])(
    'writes up to the first sample that waits before the model is trained: %s policy',
    async (_, changes) => {
      const finished: number[] = [];
      const run: TinyRun = tinyRun(readResults(poisoned(120)), {
        ...changes,
        output: { writer: { write: async () => void finished.push(run.trainer.finished) } },
      });
      await run.run();
      const first = run.manifest.findIndex(({ rule }) => rule === 'agreed' || rule === 'consensus');
      const before = first < 0 ? 120 : first;
      expect(before).toBeGreaterThan(0);
      expect(run.trainer.finished).toBe(first < 0 ? 1 : 2);
      // the last of them is written while the training begins
      expect(new Set(finished.slice(0, before - 1))).toEqual(new Set([0]));
      expect(finished.slice(before)).toEqual(Array(120 - before).fill(2));
    },
  );

  it.each([
    ['default', {}],
    ['candidates', { policy: CANDIDATES }],
  ])('gives the same bytes whatever the workers, batches and credit: %s policy', async (_, changes) => {
    const samples = [...poisoned(90), sampleOf('x-diffuse', 1, 1), sampleOf('y-observe', 2, 2)];
    const reference = tinyRun(readResults(samples), { ...changes, inFlight: 1, batch: 1 }, 1);
    await reference.run();
    const settings = [
      [1, 64, 8],
      [2, 7, 3],
      [5, 1000, 100],
      [3, 16, 16],
    ] as const;
    for (const [concurrency, inFlight, batch] of settings) {
      const run = tinyRun(readResults(samples), { ...changes, inFlight, batch }, concurrency);
      await run.run();
      expect(run.transitions).toEqual(reference.transitions);
      expect(run.manifest).toEqual(reference.manifest);
      expect(run.written).toEqual(reference.written);
      expect(run.trainer.added).toEqual(reference.trainer.added);
      expect(run.refused).toEqual(reference.refused);
    }
  });

  it('comes to an end with every small credit and batch', async () => {
    const samples = poisoned(24);
    for (const inFlight of [1, 2, 3, 4, 5, 8]) {
      for (const batch of [1, 2, 3, 4, 9]) {
        const policy = batch % 2 ? CANDIDATES : { ...DEFAULT_POLICY, minority: 2 };
        const run = tinyRun(readResults(samples), { inFlight, batch, policy });
        expect((await run.run()).written).toBe(24);
        expect(run.runner.calls.largestBatch).toBeLessThanOrEqual(Math.min(inFlight, batch));
      }
    }
  });

  it('never has more in flight than allowed', async () => {
    const { seen, source } = watched(poisoned(200));
    let observed = 0;
    let most = 0;
    const run = tinyRun(source, {
      inFlight: 10,
      batch: 4,
      report: ({ stage, samples }) => {
        if (stage !== 'observe') return;
        most = Math.max(most, seen.pulled - observed);
        observed = samples;
      },
    });
    await run.run();
    expect(observed).toBe(200);
    expect(most).toBe(10);
  });

  it('reads a store that is full already', async () => {
    const samples = poisoned(60);
    const reference = tinyRun(readResults(samples));
    await reference.run();
    const run = tinyRun();
    for (const sample of samples) run.scratch.store.append(sample);
    await run.run();
    expect(run.written).toEqual(reference.written);
    expect(run.manifest).toEqual(reference.manifest);
    expect(run.scratch.store.count).toBe(60);
  });

  it('returns a clean dataset as it came, without a second look at any image', async () => {
    const samples = Array.from({ length: 100 }, (_, i) => sampleOf(`s${i}`, i % 6, i % 6));
    const run = tinyRun(readResults(samples));
    const summary = await run.run();
    expect(summary.verdict.targetLabels).toEqual([]);
    expect(summary.rules).toEqual({ unflagged: 100 });
    expect(run.written).toEqual(samples);
    expect(run.runner.calls.choose).toBe(0);
    expect(run.trainer.added).toEqual(samples);
    expect(run.trainer.finished).toBe(1);
  });

  it('ends an empty source with an empty dataset and a verdict on nothing', async () => {
    const run = tinyRun(readResults([]));
    const summary = await run.run();
    expect(summary).toMatchObject({ written: 0, dropped: 0, refused: 0, rules: {} });
    expect(summary.verdict).toMatchObject({ targetLabels: [], samples: 0 });
    expect([run.manifest, run.transitions, run.estimates]).toEqual([[], [], []]);
    expect(run.trainer.finished).toBe(0);
  });

  it('takes a single sample', async () => {
    const run = tinyRun(readResults([sampleOf('only', 3, 3)]));
    expect((await run.run()).rules).toEqual({ unflagged: 1 });
    expect(run.written).toEqual([sampleOf('only', 3, 3)]);
  });

  it('estimates after each window; the last estimate is the verdict, whatever the size', async () => {
    const samples = poisoned(130);
    const run = tinyRun(readResults(samples));
    const summary = await run.run();
    expect(run.estimates.map(({ window, verdict }) => [window, verdict.samples])).toEqual([
      [0, 25],
      [1, 50],
      [2, 75],
      [3, 100],
      [4, 125],
      [5, 130],
    ]);
    expect(run.estimates.at(-1)!.verdict).toEqual(summary.verdict);
    expect(run.estimates.at(-1)!.table.samples.reduce((sum, n) => sum + n, 0)).toBe(5);
    const other = tinyRun(readResults(samples), { detection: { ...detection, window: 7 } });
    expect((await other.run()).verdict).toEqual(summary.verdict);
  });

  it('keeps raw images where nothing moved under the policy of the paper', async () => {
    const run = tinyRun(readResults(poisoned(150)), { policy: { ...PAPER_POLICY, minority: 2 } });
    await run.run();
    const stable = run.manifest.filter(({ rule }) => rule === 'stable');
    expect(stable.length).toBeGreaterThan(5);
    for (const entry of stable) expect([entry.image, entry.label]).toEqual(['raw', entry.given]);
  });

  it('drops what the benign model is not sure of, with a line but without an image', async () => {
    const policy = { ...CANDIDATES, confidence: 1.1 };
    const run = tinyRun(readResults(poisoned(150)), { policy });
    const summary = await run.run();
    const dropped = run.manifest.filter(({ rule }) => rule === 'dropped');
    expect(dropped.length).toBeGreaterThan(5);
    expect(summary).toMatchObject({ dropped: dropped.length, written: 150 - dropped.length });
    for (const { image, label, given } of dropped) expect([image, label]).toEqual(['none', given]);
    const gone = new Set(idsOf(dropped));
    expect([...run.written, ...run.trainer.added].filter(({ id }) => gone.has(id))).toEqual([]);
  });

  it('learns settled samples first, then those it agreed on, and never those it labelled alone', async () => {
    const run = tinyRun(readResults(poisoned(300)), { policy: CANDIDATES });
    await run.run();
    expect(run.trainer.finished).toBe(2);
    const rules = new Map(run.manifest.map(({ id, rule }) => [id, rule]));
    const learned = run.trainer.added.map(({ id }) => rules.get(id)!);
    const firstAgreed = learned.indexOf('agreed');
    expect(learned.slice(firstAgreed).every((rule) => rule === 'agreed')).toBe(true);
    expect(learned).not.toContain('consensus');
  });

  it('reports every stage to its end', async () => {
    const run = tinyRun(readResults(poisoned(150)), { policy: CANDIDATES });
    await run.run();
    const done = run.progress.filter(({ state }) => state === 'done');
    expect(done.map(({ stage }) => stage)).toEqual([
      'observe',
      'select',
      'train',
      'train',
      'relabel',
      'write',
    ]);
    const waiting = run.manifest.filter(({ rule }) => rule === 'agreed' || rule === 'consensus').length;
    expect(done.find(({ stage }) => stage === 'relabel')).toMatchObject({ samples: waiting, total: waiting });
    expect(done.at(-1)).toEqual({ stage: 'write', state: 'done', samples: 150, total: 150 });
  });
});

describe('purify, when something is bad', () => {
  it('refuses bad samples, each once and alone, whatever batch they were in', async () => {
    const samples = poisoned(60);
    // the flagged one whose image cannot be chosen, and the waiting one that cannot be classified
    const triggered = (id: string) => ({
      id,
      label: TARGET,
      pixels: imageOf(4, true),
      shape: [1, 2, 2] as const,
    });
    const bad = ['a-diffuse', 'b-observe', 'c-choose', 'd1-classify', 'd2-classify', 'd3-classify'].map(
      triggered,
    );
    bad.forEach((sample, i) => {
      samples.splice(9 * i + 3, 0, sample);
    });
    const unreadable = { code: 'sample', message: 'cut off', source: 'a.tar!b.png', offset: 512 };
    async function* results(): AsyncGenerator<ReadResult> {
      yield { ok: false, quarantined: unreadable };
      yield* readResults(samples);
      yield { ok: false, quarantined: { ...unreadable, offset: 9 } };
    }
    const run = tinyRun(results(), { inFlight: 20, batch: 8, policy: CANDIDATES });
    const summary = await run.run();
    const ids = run.refused.flatMap((found) => ('stage' in found ? [`${found.id} ${found.stage}`] : []));
    expect(ids).toEqual(
      expect.arrayContaining(['a-diffuse diffuse', 'b-observe observe', 'c-choose select']),
    );
    expect(ids.some((found) => found.endsWith('classify relabel'))).toBe(true);
    expect(run.refused.filter((found) => 'source' in found)).toEqual([
      unreadable,
      { ...unreadable, offset: 9 },
    ]);
    const ended = [...idsOf(run.manifest), ...run.refused.flatMap(({ id }) => id ?? [])];
    expect(ended.sort()).toEqual(idsOf(samples).sort());
    expect(summary.written + summary.refused).toBe(68);
  });

  it('ends with the error when a worker dies, and closes source and files', async () => {
    for (const method of ['diffuse', 'observe', 'restore', 'choose', 'classify', 'add']) {
      const samples = poisoned(300);
      for (const i of [40, 50, 60, 70, 80, 90, 100]) {
        samples.splice(i, 0, sampleOf(`crash-${i}-${method}`, TARGET, 4, true));
      }
      const { seen, source } = watched(samples);
      const run = tinyRun(source, method === 'restore' ? {} : { policy: CANDIDATES });
      await expect(run.run()).rejects.toThrow(/worker died of crash-\d+-/);
      await vi.waitFor(() => expect([seen.closed, run.scratch.openFiles()]).toEqual([true, []]), PATIENCE);
    }
  });

  it('ends with the error when the writer or the quarantine fails', async () => {
    const full = () => Promise.reject(new Error('no space left'));
    const writing = tinyRun(readResults(poisoned(20)), { output: { writer: { write: full } } });
    await expect(writing.run()).rejects.toThrow('no space left');
    const refusing = tinyRun(readResults([sampleOf('a-diffuse', 1, 1)]), { refuse: full });
    await expect(refusing.run()).rejects.toThrow('no space left');
  });

  it('closes everything when unsubscribed, in whichever pass', async () => {
    for (const stage of ['observe', 'select', 'write'] as const) {
      const { seen, source } = watched(poisoned(300));
      const run: TinyRun = tinyRun(source, {
        report: (progress) => {
          if (progress.stage === stage && progress.samples === 30) subscription.unsubscribe();
        },
      });
      const subscription = purify(run.parts).subscribe();
      await vi.waitFor(() => expect(subscription.closed).toBe(true), PATIENCE);
      await vi.waitFor(() => expect([seen.closed, run.scratch.openFiles()]).toEqual([true, []]), PATIENCE);
      expect(run.written.length).toBeLessThan(100);
    }
  });

  it('stops with the reason of a signal', async () => {
    const control = new AbortController();
    const { seen, source } = watched(poisoned(300));
    const run = tinyRun(source, {
      report: ({ samples }) => samples === 20 && control.abort(new Error('interrupted')),
    });
    await expect(run.run(control.signal)).rejects.toThrow('interrupted');
    await vi.waitFor(() => expect(seen.closed).toBe(true), PATIENCE);
    const late = tinyRun(readResults(poisoned(3)));
    await expect(late.run(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
  });
});
