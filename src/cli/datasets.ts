// The datasets of the configuration: where they are, what part of them is meant, and how they get into a store.

import { isAbsolute, join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import type { Refuse } from '../../streams/records.ts';
import { type Dataset, type DatasetInfo, openDataset } from '../datasets/open.ts';
import { SampleStore } from '../datasets/sample-store.ts';
import type { WriterOptions } from '../datasets/writer.ts';
import { ConfigError } from '../errors.ts';
import type { Context } from './commands.ts';

/** What part of the sources is meant, and what to call it. */
interface Part {
  readonly name?: string | null;
  readonly offset?: number;
  readonly limit?: number | null;
}

/** The dataset to work on. @throws {ConfigError} when none is named */
export function openTraining(context: Pick<Context, 'settings' | 'locate'>): Promise<Dataset> {
  const { train, name, offset, limit } = context.settings.dataset;
  return open(context, 'dataset.train', train, { name, offset, limit });
}

/** The test set; undefined when none is named. */
export async function openTest(context: Context, like?: DatasetInfo): Promise<Dataset | undefined> {
  const { test, name, testLimit } = context.settings.dataset;
  if (test.length === 0) return undefined;
  return open(context, 'dataset.test', test, { name, limit: testLimit }, like);
}

/** Images to train a denoiser on. */
export function openDenoiserImages(context: Context, like?: DatasetInfo): Promise<Dataset> {
  const { sources, offset, limit } = context.settings.denoiser;
  return open(context, 'denoiser.sources', sources, { offset, limit }, like);
}

/** Images of another dataset, stamped elsewhere, under its ids. @param option of `attack` that names them */
export function openPairs(
  context: Context,
  option: 'pairs' | 'testPairs',
  like: DatasetInfo,
): Promise<Dataset> {
  return open(context, `attack.${option}`, context.settings.attack[option], {}, like);
}

/** @param like the dataset whose image size and classes it must have */
function open(
  { settings, locate }: Pick<Context, 'settings' | 'locate'>,
  option: string,
  sources: readonly string[],
  { name, offset, limit }: Part,
  like?: DatasetInfo,
): Promise<Dataset> {
  if (sources.length === 0) {
    throw new ConfigError(`${option}: expected at least one source, found none; name a file or a folder`);
  }
  const { format, channels } = settings.dataset;
  const classes = like?.classes ?? settings.dataset.classes;
  const paths = sources.map((source) => pathOf(source, settings, locate));
  return openDataset(paths, {
    ...(name && { name }),
    ...(format !== 'auto' && { format }),
    ...(classes !== null && { classes }),
    ...(like?.classNames && { classNames: like.classNames }),
    ...(channels !== null && { channels: channels === 1 ? 1 : 3 }),
    ...(like && { shape: like.shape }),
    ...(offset && { skip: offset }),
    ...(limit && { limit }),
  });
}

function pathOf(source: string, { dataset }: Settings, locate: Context['locate']): string {
  if (source.startsWith('shapes:')) return source;
  return locate(isAbsolute(source) ? source : join(dataset.root, source));
}

/** Says it in the log, for commands that keep no record. */
export function refuseToLog({ log, tally }: Context): Refuse {
  return async (bad) => {
    tally?.count('quarantined');
    const place = 'source' in bad ? `${bad.source} at byte ${bad.offset}` : bad.id;
    log.warn('source' in bad ? 'read' : bad.stage, `${place}: ${bad.message}`);
  };
}

/** How a dataset that came of another is written: under its name, made fit for file names. */
export function writerOptions({ output }: Settings, info: DatasetInfo): WriterOptions {
  return { ...info, name: info.name.replaceAll(/[^\w.-]/g, '-'), format: output.format };
}

/** Puts a dataset into a store. */
export async function fillStore(
  { log, signal }: Context,
  path: string,
  dataset: Dataset,
  refuse: Refuse,
): Promise<SampleStore> {
  const store = new SampleStore(path, dataset.info.shape);
  let done = 0;
  for await (const result of dataset.read()) {
    signal.throwIfAborted();
    if (result.ok) store.append(result.sample);
    else await refuse(result.quarantined);
    log.progress('read', ++done, undefined, 'samples');
  }
  log.info(
    'read',
    `${store.count} of ${done} samples of ${dataset.info.name} usable, ${store.shape.join('×')}`,
  );
  return store;
}
