// The datasets of the configuration: where they are, what part of them is meant, and how they get into a store.

import { resolve } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { isDynamicPattern } from 'tinyglobby';
import type { Settings } from '../../config/schema.ts';
import type { Dataset, DatasetInfo, DatasetOptions } from '../datasets/dataset.ts';
import type { KnownIds } from '../datasets/formats/class-folders/same-stems.ts';
import { SHAPES } from '../datasets/formats.ts';
import type { ImageSize } from '../datasets/images/resize.ts';
import { type LabelCensus, labelBeyond, MAX_CLASSES } from '../datasets/label-census.ts';
import { openDataset } from '../datasets/open.ts';
import type { Quiet } from '../datasets/quiet.ts';
import type { ImageShape, ReadResult } from '../datasets/sample.ts';
import type { Split } from '../datasets/splits.ts';
import { SampleStore } from '../datasets/store/sample-store.ts';
import { openStream, type Source, type SourceInfo } from '../datasets/stream.ts';
import { Reasons, type UsableOptions, usable } from '../datasets/usable.ts';
import type { WriterOptions } from '../datasets/writer.ts';
import { ConfigError, DatasetError } from '../errors.ts';
import { statIfThereNow } from '../files/folder.ts';
import type { Refuse } from '../ports/records.ts';
import type { Positions } from '../state/positions.ts';
import { threadDecoder } from '../workers/thread-decoder.ts';
import type { Context } from './context.ts';
import { expandSource, patternOf } from './globs.ts';
import { STANDARD, sourcePath } from './paths.ts';

/** What part of the sources is meant, and what to call it. */
interface Part {
  readonly name?: string | null;
  readonly offset?: number;
  readonly limit?: number | null;
  readonly size?: ImageSize;
  readonly growing?: Growing | undefined;
  /** Of sources that hold several; `dataset.split` when absent. */
  readonly splits?: readonly Split[];
}

/** How a dataset is opened that a state follows. */
export interface Growing {
  /** Which files are finished, where others write at this moment. */
  readonly quiet?: Quiet;
  /** Of every image, where it is known from before. */
  readonly shape?: ImageShape | undefined;
  /** More than there are, where somebody counts them while they are read. */
  readonly classes?: number | undefined;
  /** Which ids the state has. */
  readonly known?: KnownIds;
}

/**
 * The dataset to work on.
 *
 * @param size       that images are to be resized to, where neither the options nor the images tell
 * @param classNames by label, of the observer that is brought
 * @throws {ConfigError} when none is named
 */
export function openTraining(
  context: Opening,
  size?: ImageSize,
  growing?: Growing,
  classNames?: readonly string[],
): Promise<Source> {
  const { train, name, offset, limit } = context.settings.dataset;
  const part = { name, offset, limit, growing, ...(size && { size }) };
  return open(context, 'dataset.train', train, part, { ...(classNames && { classNames }) });
}

/** Paths of the files and folders that are to be worked on, as they stand there now. */
export function trainingPaths(context: Opening): Promise<string[]> {
  return pathsOf(context, context.settings.dataset.train);
}

/** The test set; undefined when none is named. @param like the training set, or the model that is tested */
export async function openTest(context: Context, like?: Like): Promise<Source | undefined> {
  const { test, name, testLimit } = context.settings.dataset;
  if (test.length === 0) return undefined;
  return open(
    context,
    'dataset.test',
    test,
    { name, limit: testLimit, splits: ['test', 'validation'] },
    like,
  );
}

/** Images to train a denoiser on, of whatever classes. */
export function openDenoiserImages(context: Context, like?: SourceInfo): Promise<Source> {
  const { sources, offset, limit } = context.settings.denoiser;
  const images = { ...(like && { shape: like.shape }), classes: MAX_CLASSES };
  return open(context, 'denoiser.sources', sources, { offset, limit }, images);
}

/** Images of another dataset, stamped elsewhere, under its ids. @param option of `attack` that names them */
export function openPairs(
  context: Context,
  option: 'pairs' | 'testPairs',
  like: DatasetInfo,
): Promise<Source> {
  const { shape, classes } = like;
  return open(context, `attack.${option}`, context.settings.attack[option], {}, { shape, classes });
}

type Opening = Pick<Context, 'settings' | 'locate'> & Partial<Pick<Context, 'stdin' | 'signal' | 'log'>>;

/** What a dataset has to have in common with another, or with a model. */
type Like = Partial<Pick<SourceInfo, 'shape' | 'classes' | 'classNames'>>;

/** @param like the dataset whose image size and classes it must have */
async function open(
  context: Opening,
  option: string,
  sources: readonly string[],
  { name, offset, limit, size, growing, splits = [context.settings.dataset.split] }: Part,
  like?: Like,
): Promise<Source> {
  if (sources.length === 0) {
    throw new ConfigError(`${option}: expected at least one source, found none; name a file or a folder`);
  }
  const { settings, stdin, signal, log } = context;
  const { format } = settings.dataset;
  const clean = await pathsOf(context, settings.dataset.clean);
  const classes =
    like?.classes ?? settings.dataset.classes ?? growing?.classes ?? like?.classNames?.length ?? null;
  const warn = log && ((text: string) => log.warn('read', text, { event: 'sources', sources }));
  const options: DatasetOptions = {
    ...(name && { name }),
    ...(format !== 'auto' && { format }),
    ...(classes !== null && { classes }),
    ...(like?.classNames && { classNames: like.classNames }),
    ...channelsOf(settings),
    splits,
    cifarLabels: settings.dataset.cifarLabels,
    maxPixels: settings.dataset.maxPixels,
    ...sizing(settings, size),
    ...reachOf(context),
    ...(clean.length > 0 && { clean }),
    ...(like?.shape && { shape: like.shape }),
    ...(offset && { skip: offset }),
    ...(limit && { limit }),
    ...(warn && { warn }),
    // images that are decoded take as much memory as those in flight
    decoder: { ...threadDecoder, ahead: Math.min(threadDecoder.ahead, settings.inFlight) },
  };
  const ifFew = growing?.quiet ? { warn } : {};
  const checked = (source: Source) => mostlyUsable(source, settings.dataset.usable, ifFew);
  if (!sources.includes(STANDARD)) {
    const paths = await pathsOf(context, sources);
    const roots = await rootsOf(context, sources);
    const found = { ...options, roots, ...(growing && optionsOf(growing, sources, paths)) };
    return checked(await openDataset(paths, found));
  }
  checkStandardInput(settings, option, sources, stdin);
  // a producer that stalls must not keep an interrupted run waiting
  if (signal) addAbortSignal(signal, stdin as Readable);
  return checked(await openStream('stdin', stdin as Readable, options));
}

/** The same dataset, whose reading ends with an error where few samples were usable. */
function mostlyUsable(source: Source, least: number, ifFew: Pick<UsableOptions, 'warn'>): Source {
  return through(source, (results) => usable(results, { name: source.info.name, least, ...ifFew }));
}

/** The same dataset, whose samples go through something on their way. */
function through(
  source: Source,
  pass: (results: AsyncIterable<ReadResult>) => AsyncGenerator<ReadResult>,
): Source {
  return {
    census: source.census,
    // a stream knows more of itself at its end
    get info() {
      return source.info;
    },
    read: (classes) => pass(source.read(classes)),
  };
}

/**
 * The folder that data may name files in, where the configuration says so.
 *
 * @throws {ConfigError} when it is none
 */
export function reachOf({ settings: { dataset } }: Opening): Pick<DatasetOptions, 'paths'> {
  if (dataset.paths === null) return {};
  const paths = resolve(dataset.paths);
  if (statIfThereNow(paths)?.isDirectory()) return { paths };
  throw new ConfigError(`dataset.paths: expected a folder, found none at ${paths}; check the path`);
}

/** Channels that images are converted to, where the configuration says so. */
export function channelsOf({ dataset: { channels } }: Settings): Pick<DatasetOptions, 'channels'> {
  return channels === null ? {} : { channels: channels === 1 ? 1 : 3 };
}

/** @param size where `dataset.size` does not say */
function sizing({ dataset }: Settings, size?: ImageSize): Pick<DatasetOptions, 'resize' | 'size'> {
  const resize = dataset.resize !== 'refuse';
  if (dataset.size === null) return { resize, ...(size && { size }) };
  if (resize) return { resize, size: [dataset.size, dataset.size] };
  throw new ConfigError(
    `dataset.size: expected dataset.resize to be resize or tile, found refuse; set it, or leave dataset.size out`,
  );
}

/** Ids stay what they are when a folder, or what matches a pattern, comes to hold more than one file. */
function optionsOf(
  { quiet, shape, known }: Growing,
  sources: readonly string[],
  paths: readonly string[],
): DatasetOptions {
  const one =
    paths.length === 1 && !sources.some((source) => isDynamicPattern(source)) ? paths[0]! : undefined;
  const alone = one !== undefined && (one.startsWith(SHAPES) || isFile(one));
  const given = { ...(quiet && { quiet }), ...(shape && { shape }), ...(known && { known }) };
  return { ...given, named: !alone, growing: true };
}

function isFile(path: string): boolean {
  return statIfThereNow(path)?.isFile() ?? false;
}

/** Standard input is one stream, read once. */
function checkStandardInput(
  { dataset, denoiser }: Settings,
  option: string,
  sources: readonly string[],
  stdin: Context['stdin'] | undefined,
): asserts stdin is Context['stdin'] {
  const readers = [dataset.train, dataset.test, denoiser.sources].filter((list) => list.includes(STANDARD));
  if (sources.length > 1 || readers.length > 1) {
    throw new ConfigError(
      `${option}: expected - as the only source, found others; read stdin for one of them`,
    );
  }
  if (!stdin || ('isTTY' in stdin && stdin.isTTY)) {
    throw new ConfigError(`${option}: expected a dataset on stdin, found a terminal; pipe one in`);
  }
}

/**
 * A dataset with the number of its classes: what a model says, else what the dataset says, a stream at its end.
 *
 * @throws {DatasetError} when nobody knows it
 */
export function withClasses(source: Source, told?: number): Dataset {
  const classes = told ?? source.info.classes;
  if (!classes) {
    throw new DatasetError(
      `expected the number of classes, which ${source.info.name} does not tell before its end, found none; set dataset.classes`,
    );
  }
  if (classes > MAX_CLASSES) {
    throw new DatasetError(
      `expected at most ${MAX_CLASSES} classes, found ${classes} for ${source.info.name}; bring another model`,
    );
  }
  return { info: { ...source.info, classes }, read: () => source.read(classes) };
}

/** The same dataset; how far it is read is noted, from the beginning each time. */
export function noted(source: Source, positions: Positions): Source {
  return through(source, (results) => {
    positions.reset();
    return positions.noting(results);
  });
}

/** Paths of sources, in their order: below `dataset.root` where they are relative, and of all that a pattern matches. */
async function pathsOf(
  { settings: { dataset }, locate }: Opening,
  sources: readonly string[],
): Promise<string[]> {
  const paths = sources.map((source) =>
    source.startsWith(SHAPES) ? [source] : expandSource(sourcePath(dataset.root, source, locate)),
  );
  return (await Promise.all(paths)).flat();
}

/** Folders that patterns are matched in. */
async function rootsOf({ settings, locate }: Opening, sources: readonly string[]): Promise<string[]> {
  const named = sources.filter((source) => !source.startsWith(SHAPES));
  const found = named.map((source) => patternOf(sourcePath(settings.dataset.root, source, locate)));
  return (await Promise.all(found)).flatMap((pattern) => pattern?.folder ?? []);
}

/** Refuses, and says at the end what it has not said of each. */
export type FoldingRefuse = Refuse & { readonly conclude: () => void };

/** Says it in the log, for commands that keep no record: the first of each reason, and at the end how many were like it. */
export function refuseToLog({ log, tally }: Pick<Context, 'log' | 'tally'>): FoldingRefuse {
  let reasons = new Reasons();
  const refuse: Refuse = async (bad) => {
    tally?.count('quarantined');
    if (!reasons.add(bad)) return;
    const place = 'source' in bad ? `${bad.source} at byte ${bad.offset}` : bad.id;
    const { message: reason, ...where } = bad;
    const event = { event: 'quarantined', ...where, reason } as const;
    log.warn('source' in bad ? 'read' : bad.stage, `${place}: ${reason}`, event);
  };
  const conclude = () => {
    for (const { count, first } of reasons) {
      if (count <= 1) continue;
      const more = count - 1;
      const event = { event: 'quarantined-alike', more, reason: first } as const;
      log.warn('read', `${more} more samples were refused like this one: ${first}`, event);
    }
    reasons = new Reasons();
  };
  return Object.assign(refuse, { conclude });
}

/** How a dataset that came of another is written: under its name, made fit for file names. */
export function writerOptions({ output }: Settings, info: DatasetInfo): WriterOptions {
  return { ...info, name: info.name.replaceAll(/[^\w.-]/g, '-'), format: output.format };
}

/**
 * Puts a dataset into a store.
 *
 * @param origins whether samples are to be written again, and so need what they were in their source
 */
export async function fillStore(
  context: Context,
  path: string,
  dataset: Source,
  refuse: Refuse & Partial<FoldingRefuse>,
  origins = false,
): Promise<SampleStore> {
  const store = new SampleStore(path, dataset.info.shape);
  const { census } = dataset;
  const done = await takeIn(context, store, dataset.read(), refuse, { origins, census })
    .catch((error: Error) => {
      store.dispose();
      throw error;
    })
    .finally(() => refuse.conclude?.());
  context.log.info(
    'read',
    `${store.count} of ${done} samples of ${dataset.info.name} usable, ${store.shape.join('×')}`,
    { event: 'read', dataset: dataset.info.name, usable: store.count, samples: done, shape: store.shape },
  );
  return store;
}

/**
 * Appends the good samples to a store and refuses the others. Whose label the others do not support is refused at the
 * end, where nobody knows the number of classes before.
 *
 * @returns how many there were of both
 */
export async function takeIn(
  { log, signal }: Pick<Context, 'log' | 'signal'>,
  store: SampleStore,
  results: AsyncIterable<ReadResult>,
  refuse: Refuse,
  { origins = true, census }: { readonly origins?: boolean; readonly census?: LabelCensus | undefined },
): Promise<number> {
  let done = 0;
  for await (const result of results) {
    signal.throwIfAborted();
    if (result.ok) {
      const { id, label } = result.sample;
      const index = store.append(result.sample, origins ? result.origin : undefined);
      if (result.place) census?.note({ ...result.place, index, id, label });
    } else await refuse(result.quarantined);
    log.progress('read', ++done, undefined, 'samples');
  }
  const refused = census?.takeRefused() ?? [];
  store.withdraw(refused.map(({ index }) => index));
  for (const { id, label, source, offset } of refused) {
    const { code, message } = labelBeyond(label, census!.classes, id);
    await refuse({ code, message, source, offset, id });
  }
  return done;
}
