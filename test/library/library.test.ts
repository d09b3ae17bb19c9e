// The library as a program uses it: the public entry alone, real workers, real models on disk, samples from arrays,
// generators and observables.

import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, from, NEVER, Observable, of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import {
  ConfigError,
  DatasetError,
  detect,
  type Options,
  type PurifyEvent,
  type PurifyOptions,
  purify,
  type Sample,
  type TransitionRecord,
  transitions,
  WeightsError,
} from '../../src/index.ts';
import { writeTinyModels } from '../support/tiny-models.ts';

const samples = Array.from({ length: 60 }, (_, i) => drawShape('train', i));
const settings: Options['settings'] = {
  workers: 2,
  seed: 5,
  classifier: { widths: [4, 8], epochs: 12, batch: 20, learningRate: 0.05 },
  diffusion: { rounds: 1, steps: 2, keep: 2, batch: 8 },
  // a threshold of nothing flags several classes, so that every stage has work
  detect: { rule: 'divergence', threshold: 0, sides: 'two-sided', minority: 2, window: 20 },
};

let folder: string;
let options: PurifyOptions;
let models: { denoiser: string; observer: string };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-library-'));
  models = await writeTinyModels(folder);
  options = { classes: 10, denoiser: models.denoiser, settings, scratch: folder };
});
afterAll(() => rmSync(folder, { recursive: true }));

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

function ofKind<K extends PurifyEvent['kind']>(events: readonly PurifyEvent[], kind: K) {
  return events.filter((event): event is Extract<PurifyEvent, { kind: K }> => event.kind === kind);
}

/** Where a link points to; nowhere where it vanished meanwhile. */
function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

async function* generated(list: readonly Sample[]) {
  yield* list;
}

describe('purify', () => {
  it('yields the verdict, then every sample in its order, then the models; the same from any kind of source', async () => {
    const events = await all(purify(samples, options));
    expect(events.map(({ kind }) => kind)).toEqual(['verdict', ...samples.map(() => 'settled'), 'finished']);
    const settled = ofKind(events, 'settled');
    expect(settled.map(({ entry }) => entry.id)).toEqual(samples.map(({ id }) => id));
    const { verdict } = ofKind(events, 'verdict')[0]!;
    expect(verdict.targetLabels.length).toBeGreaterThan(0);
    for (const [i, { sample, entry }] of settled.entries()) {
      expect(entry.rule === 'unflagged').toBe(!verdict.targetLabels.includes(entry.given));
      if (entry.image === 'raw') expect(sample.pixels).toEqual(samples[i]!.pixels);
    }
    expect(settled.some(({ entry }) => entry.image === 'purified')).toBe(true);
    const [finished] = ofKind(events, 'finished');
    expect(finished!.summary.written + finished!.summary.dropped).toBe(60);
    expect(finished!.denoiserCalls).toBeGreaterThanOrEqual(120);
    expect(finished!.benign).toBeInstanceOf(Uint8Array);

    const one = { ...options, settings: { ...settings, workers: 1, inFlight: 30 } };
    expect(await all(purify(from(samples), one))).toEqual(events);
  });

  it('takes an observer as a file, and samples no faster than they are settled', async () => {
    let taken = 0;
    async function* watched() {
      for (const sample of samples) {
        taken += 1;
        yield sample;
      }
    }
    const narrow = { ...options, observer: models.observer, settings: { ...settings, inFlight: 8 } };
    let first: number | undefined;
    const progress = () => {
      first ??= taken;
    };
    const events = await all(purify(watched(), { ...narrow, onProgress: progress }));
    expect(ofKind(events, 'settled')).toHaveLength(60);
    expect(first).toBeLessThanOrEqual(9);
  });

  it('sets bad samples aside and goes on', async () => {
    const bad = [
      { ...samples[0]!, id: 'label', label: 10 },
      { ...samples[0]!, id: 'pixels', pixels: new Uint8Array(5) },
      { ...samples[0]!, id: 'shape', shape: [1, 32, 32] as const, pixels: new Uint8Array(1024) },
      samples[1]!,
    ];
    const mixed = [bad[0]!, ...samples.slice(0, 40), ...bad.slice(1)];
    const events = await all(purify(mixed, { ...options, observer: models.observer }));
    expect(ofKind(events, 'settled')).toHaveLength(40);
    const refused = ofKind(events, 'refused').map(({ refused: { code, message, id } }) => ({
      code,
      message,
      id,
    }));
    expect(refused).toEqual([
      { code: 'sample', id: 'label', message: 'expected a label from 0 to 9, found 10 at sample label' },
      { code: 'sample', id: 'pixels', message: expect.stringMatching(/expected 3072 pixels .*, found 5/) },
      {
        code: 'sample',
        id: 'shape',
        message: expect.stringMatching(/images of \[3,32,32\], found \[1,32,32\]/),
      },
      { code: 'sample', id: samples[1]!.id, message: expect.stringMatching(/its own id/) },
    ]);
  });

  it('ends when left or aborted, and removes its temporary files', async () => {
    for await (const event of purify(generated(samples), options)) if (event.kind === 'settled') break;
    const stop = new AbortController();
    const aborted = purify(samples, {
      ...options,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(all(aborted)).rejects.toThrow('enough');
    expect(readdirSync(folder).sort()).toEqual(['denoiser.safetensors', 'observer.onnx']);
    const open = readdirSync('/proc/self/fd').flatMap((fd) => linkOf(`/proc/self/fd/${fd}`));
    expect(open.filter((link) => link.startsWith(folder))).toEqual([]);
  });

  it.each([new Error('enough'), 'enough'])(
    'ends with the reason where it is aborted while the observer trains',
    async (reason) => {
      const stop = new AbortController();
      const long = { ...settings, classifier: { ...settings?.classifier, epochs: 10_000 } };
      const last = (async function* () {
        yield* samples;
        setTimeout(() => stop.abort(reason), 300);
      })();
      const ended = await all(purify(last, { ...options, settings: long, signal: stop.signal })).catch(
        (error: unknown) => error,
      );
      expect(ended).toBe(reason);
    },
  );

  it('ends a source that is quiet when aborted', async () => {
    const stop = new AbortController();
    let left = false;
    const quiet = new Observable<Sample>((subscriber) => {
      subscriber.next(samples[0]!);
      setTimeout(() => stop.abort(new Error('enough')), 50);
      return () => {
        left = true;
      };
    });
    await expect(all(purify(quiet, { ...options, signal: stop.signal }))).rejects.toThrow('enough');
    expect(left).toBe(true);
  });

  it('takes only what it knows, and says so', async () => {
    const call =
      (given: unknown, more: object = {}) =>
      () =>
        purify(given as Sample[], { ...options, ...more });
    for (const given of [undefined, null, 5, 'text', {}]) expect(call(given)).toThrow(ConfigError);
    expect(call(undefined)).toThrow(/expected samples as an array, .*found undefined/);
    expect(() => purify(samples, undefined as unknown as PurifyOptions)).toThrow(ConfigError);
    await expect(detect(undefined as unknown as TransitionRecord[], { classes: 3 })).rejects.toThrow(
      ConfigError,
    );
    expect(() => transitions(undefined as unknown as Sample[], { ...options, ...models })).toThrow(
      ConfigError,
    );
    expect(call(samples, { settings: { dataset: { limit: 5 } } })).toThrow(
      /found dataset, which only the command line/,
    );
    expect(call(samples, { settings: { detect: { failOn: 'poison' } } })).toThrow(
      /found detect.failOn, which/,
    );
    expect(call(samples, { settings: { denoiser: { steps: 5, timesteps: 500 } } })).toThrow(
      /found denoiser.steps, which/,
    );
    expect(call(samples, { settings: { dateset: {} } })).toThrow(/unknown option "dateset"/);
  });

  it('tells what is wrong before and while it works', async () => {
    expect(() => purify(samples, { ...options, settings: { diffusion: { rounds: 0 } } })).toThrow(
      ConfigError,
    );
    await expect(all(purify([], options))).rejects.toThrow(DatasetError);
    await expect(all(purify(samples, { ...options, denoiser: join(folder, 'none') }))).rejects.toThrow(
      WeightsError,
    );
    const broken = (async function* (): AsyncGenerator<Sample> {
      yield samples[0]!;
      throw new RangeError('source broke');
    })();
    await expect(all(purify(broken, options))).rejects.toThrow('source broke');
    const quiet = concat(of(samples[0]!), NEVER);
    const wrong = purify(quiet, { ...options, observer: join(folder, 'none') });
    await expect(all(wrong)).rejects.toThrow(WeightsError);
    expect(existsSync(join(folder, 'raw.samples'))).toBe(false);
  });
});

describe('transitions and detect', () => {
  it('give the verdict that purify gives, from records of any kind of source', async () => {
    const both = { ...options, observer: models.observer };
    const events = await all(transitions(generated(samples), both));
    const records = events.flatMap((event): TransitionRecord[] =>
      event.kind === 'transition' ? [event.record] : [],
    );
    expect(records.map(({ id }) => id)).toEqual(samples.map(({ id }) => id));
    const estimates: number[] = [];
    const found = await detect(from(records), {
      classes: 10,
      settings: { detect: settings.detect! },
      onEstimate: ({ samples: seen }) => estimates.push(seen),
    });
    const [verdict] = ofKind(await all(purify(samples, both)), 'verdict');
    expect(found).toEqual(verdict!.verdict);
    expect(estimates).toEqual([20, 40, 60]);
    const wrong = [records[0]!, { id: 'a' } as TransitionRecord];
    await expect(detect(wrong, { classes: 10 })).rejects.toThrow(/on record 2, found \{"id":"a"\}/);
  });
});
