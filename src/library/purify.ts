// The whole method for programs: samples in, and out come, in this order, what was refused, the verdict with its
// evidence, every sample in its final state, and the models. It is the pipeline of the command `purify` with an
// iterable at either end; images wait in a folder for temporary files, not in memory.

import { join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import { emitted } from '../../streams/operators/emitted.ts';
import { type Pullable, pulling } from '../../streams/operators/pulled.ts';
import type { Progress } from '../../streams/progress.ts';
import { type PurifySummary, runPurification } from '../../streams/purify.ts';
import { methodOf } from '../app/method.ts';
import { loadDenoiser, loadObserver, type Observer, onnxOf, trainObserver } from '../app/models.ts';
import { withPool, withScratch } from '../app/workspace.ts';
import type { ImageShape, Quarantined, Sample } from '../datasets/sample.ts';
import { SampleStore } from '../datasets/store/sample-store.ts';
import type { Trigger } from '../defense/carriers/trigger.ts';
import type { Knowledge } from '../defense/repair/knowledge.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import type { ManifestEntry, Refuse, Refused } from '../ports/records.ts';
import type { Pool } from '../workers/pool.ts';
import { checkPullable, type Options, settingsOf } from './options.ts';
import { openSamples, type Samples } from './samples.ts';

export interface PurifyOptions extends Options {
  /** Path of a noise predictor: safetensors, PyTorch checkpoint, diffusers folder or ONNX file. */
  readonly denoiser: string;
  /** Path of a classifier as an ONNX file; one is trained on the samples where this is left out. */
  readonly observer?: string;
  /** Folder for temporary files, which are removed at the end; the system's where left out. */
  readonly scratch?: string;
  /** Called for every sample in every stage; must be quick. */
  readonly onProgress?: (progress: Progress) => void;
}

/** What speaks against one flagged class, for people to look at. */
export interface ClassEvidence {
  readonly label: number;
  /** As recovered from what purification removed; left out where no pixel stands out. */
  readonly trigger?: Trigger;
  /** The samples that weigh most, heaviest first: the label that their purified images show, and its log-odds. */
  readonly heaviest: readonly { readonly id: string; readonly name: number; readonly weight: number }[];
}

/** A sample that could not be read or worked on; the others went on. */
export interface RefusedEvent {
  readonly kind: 'refused';
  readonly refused: Refused | Quarantined;
}

/** One sample in its final state; `entry.image` says whether it is raw, purified, or `none` because it was dropped. */
export interface SettledEvent {
  readonly kind: 'settled';
  /** Final pixels and label; of a dropped sample, as they came. */
  readonly sample: Sample;
  readonly entry: ManifestEntry;
}

/** What `purify` yields. */
export type PurifyEvent =
  | RefusedEvent
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly evidence: readonly ClassEvidence[] }
  | SettledEvent
  | FinishedEvent;

/** Last of all. */
export interface FinishedEvent {
  readonly kind: 'finished';
  readonly summary: PurifySummary;
  /** ONNX file of the classifier that labelled images along the way. */
  readonly observer: Uint8Array;
  /** ONNX file of the classifier trained on the settled samples; left out where there was nothing to learn from. */
  readonly benign?: Uint8Array;
  /** Network calls, counted for each image. */
  readonly denoiserCalls: number;
}

/**
 * Repairs samples. The verdict needs all of them, so nothing is settled before the last one was taken in; then they
 * come in their order, as they are taken.
 *
 * Failures are thrown to the consumer. An iteration that ends early ends the work and removes its temporary files.
 *
 * @throws {ConfigError} for a wrong option; {DatasetError} when there is no good sample; {WeightsError} when a model
 *         cannot be read or does not fit; {EngineError} when the compute engine fails; the reason of the signal when
 *         that aborts
 */
export function purify(
  samples: Pullable<Sample>,
  options: PurifyOptions,
): AsyncGenerator<PurifyEvent, void, undefined> {
  checkPullable(samples, 'samples');
  const settings = settingsOf(options);
  return emitted(
    (emit, signal) =>
      withPool({ settings, signal }, (pool) => purifyOn(pool, settings, samples, options, emit, signal)),
    options.signal,
  );
}

/** The same on workers that are there. */
export async function purifyOn(
  pool: Pool,
  settings: Settings,
  samples: Pullable<Sample>,
  options: PurifyOptions,
  emit: (event: PurifyEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { classes, onProgress = () => undefined } = options;
  const refuse: Refuse = (refused) => emit({ kind: 'refused', refused });
  await pulling(samples, signal, async (items) => {
    const opened = await openSamples(items, classes);
    const { shape } = opened;
    const info = { shape, classes };
    const denoiser = await loadDenoiser(options.denoiser, settings, shape);
    await withStores(options.scratch, shape, async (scratch, store, settled) => {
      const found =
        options.observer === undefined
          ? await train(pool, settings, opened, store, refuse)
          : { observer: await loadObserver(options.observer, settings, info), source: opened.source };
      const method = methodOf(settings, pool, {
        ...found,
        info,
        denoiser,
        settled,
        onProgress: () => undefined,
      });
      const summary = await runPurification(
        {
          ...method,
          ...found,
          store,
          output: {
            // settled samples are given away, written or not
            writer: { write: () => Promise.resolve() },
            release: ({ sample, entry }) => emit({ kind: 'settled', sample, entry }),
            manifest: join(scratch, 'manifest.ndjson'),
          },
          transitions: join(scratch, 'transitions.ndjson'),
          scratch,
          refuse,
          onEstimate: () => undefined,
          onVerdict: ({ verdict, knowledge }) =>
            emit({ kind: 'verdict', verdict, evidence: knowledge ? evidenceOf(verdict, knowledge) : [] }),
          report: onProgress,
        },
        signal,
      );
      const { model } = method.trainer;
      const benign = model && { benign: onnxOf(model) };
      const { denoiserCalls } = method.runner;
      await emit({ kind: 'finished', summary, observer: onnxOf(found.observer), ...benign, denoiserCalls });
    });
  });
}

/** Runs `work` with a folder and two stores in it, which are removed afterwards. */
async function withStores(
  parent: string | undefined,
  shape: ImageShape,
  work: (scratch: string, raw: SampleStore, settled: SampleStore) => Promise<void>,
): Promise<void> {
  await withScratch(async (scratch) => {
    const stores = ['raw', 'settled'].map((name) => new SampleStore(join(scratch, name), shape));
    try {
      await work(scratch, stores[0]!, stores[1]!);
    } finally {
      for (const store of stores) store.dispose();
    }
  }, parent);
}

/** The observer of samples of which nothing else is known; they are all in the store then. */
async function train(
  pool: Pool,
  settings: Settings,
  { shape, source }: Samples,
  store: SampleStore,
  refuse: Refuse,
): Promise<Observer> {
  for await (const result of source) {
    if (result.ok) store.append(result.sample);
    else await refuse(result.quarantined);
  }
  return trainObserver(pool, settings, store, { shape, classes: settings.dataset.classes! });
}

function evidenceOf({ targetLabels }: Verdict, { triggers, heaviest }: Knowledge): ClassEvidence[] {
  return targetLabels.map((label) => {
    const trigger = triggers.get(label);
    const samples = heaviest.get(label) ?? [];
    return {
      label,
      ...(trigger && { trigger }),
      heaviest: samples.map(({ id, name, weight }) => ({ id, name, weight })),
    };
  });
}
