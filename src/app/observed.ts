// How a run begins: samples wait in a store where an observer is to be trained on them; else they are read as they are
// worked on, by the observer that was brought.

import { join } from 'node:path';
import type { DatasetInfo } from '../datasets/dataset.ts';
import type { ReadResult } from '../datasets/sample.ts';
import { SampleStore } from '../datasets/store/sample-store.ts';
import type { Source } from '../datasets/stream.ts';
import type { Refuse } from '../ports/records.ts';
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import type { Context } from './context.ts';
import { fillStore, type Growing, openTraining, withClasses } from './datasets.ts';
import { sizeFor } from './denoiser.ts';
import type { RunMemory } from './memory.ts';
import {
  classesOf,
  loadObserver,
  type Observer,
  observerClassNames,
  progressOf,
  trainObserver,
} from './models.ts';
import type { TailedStore } from './tailed-store.ts';

/** The dataset to judge, as it fits the denoiser at a path and the observer, if one is brought. */
export async function openObserved(context: Context, path: string, growing?: Growing): Promise<Source> {
  return openTraining(context, await sizeFor(context, path), growing, await observerClassNames(context));
}

/** What it needs to know. */
export interface Beginning {
  /** Folder for temporary files. */
  readonly scratch: string;
  readonly refuse: Refuse;
  /** Classes at least. */
  readonly least?: number | undefined;
  /** Samples that stay when the run ends. */
  readonly tail?: TailedStore | undefined;
}

/** A store that is full where the observer is to be trained on it, else with the observer and a source to fill it from. */
export async function begin(
  context: Context,
  dataset: Source,
  { scratch, refuse, least = 0, tail }: Beginning,
): Promise<Begun> {
  const { path } = context.settings.observer;
  const file = join(scratch, 'raw');
  const tailed = await tail?.fill(context, dataset.info, refuse);
  if (path !== null) {
    const found = tailed ? { ...dataset.info, classes: tailed.classes } : dataset.info;
    const observer = await loadObserver(context.locate(path), context.settings, found);
    const { info, read } = withClasses(dataset, classesOf(observer) ?? tailed?.classes);
    if (tailed) return { observer, info, store: tailed.store, dispose: () => undefined };
    const store = new SampleStore(file, info.shape);
    return { observer, info, store, source: read(), dispose: () => store.dispose() };
  }
  const store = tailed?.store ?? (await fillStore(context, file, dataset, refuse, true));
  const { info } = withClasses(dataset, tailed?.classes);
  const dispose = () => (tailed ? undefined : store.dispose());
  return { info: { ...info, classes: Math.max(info.classes, least) }, store, dispose };
}

/** Where samples wait, and what they are judged with. */
export interface Begun {
  readonly info: DatasetInfo;
  readonly store: SampleStore;
  /** Left out where `store` holds all samples already. */
  readonly source?: AsyncIterable<ReadResult>;
  readonly observer?: ClassifierRef;
  /** Lets go of the store, where it is the run's own. */
  dispose(): void;
}

/** The observer that was brought, or that of these samples; with a state that keeps models warm, the one that was trained first. */
export async function observerOf(
  context: Context,
  pool: Pool,
  { observer, store, info }: Begun,
  memory?: Pick<RunMemory, 'networks' | 'warm'>,
): Promise<Observer> {
  if (observer) return { observer };
  const onProgress = progressOf(context, 'observer');
  return trainObserver(pool, context.settings, store, info, {
    onProgress,
    networks: memory?.networks,
    warm: memory?.warm,
  });
}
