// The front of all readers: names what a source holds before it is read, then gives its samples as a stream, any
// number of times. All that can be wrong with one sample is found here and leaves as a quarantine entry, so that
// a reader never throws for the sake of a sample.

import { dirname } from 'node:path';
import { DatasetError, SampleError } from '../errors.ts';
import { ahead } from './ahead.ts';
import { checkSameNames, folderLabels, madeWhenNeeded, nameClasses } from './class-names.ts';
import type { Dataset, DatasetInfo, DatasetOptions } from './dataset.ts';
import { cameAs, recordShape, shapeOf } from './dataset-shape.ts';
import { unescapeId } from './description.ts';
import { distinctEntry } from './distinct.ts';
import type { Entry, Image } from './entry.ts';
import { filePrefixes } from './file-prefixes.ts';
import { readable } from './finished.ts';
import {
  overlaid,
  readAttackResult,
  readBackdoorBench,
} from './formats/backdoorbench/backdoorbench-reader.ts';
import { cifarClasses, labelAt, withLayout } from './formats/cifar-binary/cifar.ts';
import { readCifarBinary } from './formats/cifar-binary/cifar-binary-reader.ts';
import { readClassFolderTar } from './formats/class-folders/class-folder-tar.ts';
import { readClassFolders } from './formats/class-folders/class-folders-reader.ts';
import { idOfFile, pathId } from './formats/class-folders/file-ids.ts';
import { countIdxLabels, labelsBeside, readIdx } from './formats/idx/idx-reader.ts';
import { countNdjsonLabels, ndjsonLabels, readNdjson } from './formats/ndjson/ndjson-reader.ts';
import { namesIn } from './formats/ndjson/text-labels.ts';
import { countNpzLabels, readNpz } from './formats/npz/npz-reader.ts';
import { countParquetLabels, readParquet } from './formats/parquet/parquet-reader.ts';
import { readShapes } from './formats/shapes/shapes-reader.ts';
import { readWebDataset } from './formats/webdataset/webdataset-reader.ts';
import { LabelCensus, MAX_CLASSES } from './label-census.ts';
import { chooseReading, namesOfFiles } from './readings.ts';
import { recognise, stemOf } from './recognise.ts';
import type { DatasetFormat, Reading, Recognised } from './recognised.ts';
import type { ImageShape, ReadResult } from './sample.ts';
import { decodeEntry, type Expected, settleEntry } from './settle.ts';
import { areSplits } from './splits.ts';
import { IdSet } from './store/id-set.ts';
import { evenly, firstOf, LOOKS, lookAt, Survey, spreadOver } from './survey.ts';

/** What phones take: 108 and 134 megapixels are the largest in one file that is no raw one. */
export const DEFAULT_MAX_PIXELS = 2 ** 27;
/** Of the images that a reader works on ahead. */
const MOST_AHEAD_BYTES = 2 ** 28;
/** Files that are read before the size of the first is known. */
const FIRST_AHEAD = 16;
// whose files have one size for all images
const BARE_PIXELS: readonly DatasetFormat[] = ['npz', 'idx', 'cifar-binary'];
// what has no names for its samples
const NUMBERED: readonly DatasetFormat[] = ['idx', 'cifar-binary', 'backdoorbench', 'shapes'];

/**
 * Opens a dataset and finds out its shape and classes, from its surroundings and a look at some samples.
 *
 * Ids are the keys of the format (folder and file name, archive key, number of the record); with several sources
 * the name of the file comes before them.
 *
 * @param source one file or folder, several of one format (shards), or `shapes:train`, `shapes:test`, `shapes:denoiser`
 * @throws {DatasetError} when it is missing, empty, of unknown format, without any readable sample, or when the
 *                        number of classes is neither told nor given
 */
export async function openDataset(
  source: string | readonly string[],
  options: DatasetOptions = {},
): Promise<Dataset> {
  const { format, quiet, growing, splits } = options;
  const sources = typeof source === 'string' ? [source] : await readable(source, quiet);
  if (areSplits(sources)) {
    options.warn?.(
      `${namesOfFiles(sources)} are of several splits, and all are read, being named one by one`,
    );
  }
  const clean = options.clean?.length ? await recogniseClean(options.clean, options) : undefined;
  const choose = (path: string, readings: readonly Reading[]) =>
    chooseReading(path, readings, growing ?? false, (part) => entriesOf(nameClasses([part]), options));
  const recognised = await Promise.all(
    sources.map((path) => recognise(path, { format, quiet, growing, choose, ...(splits && { splits }) })),
  );
  for (const { warnings = [] } of recognised) for (const text of warnings) options.warn?.(text);
  const laidOut = await Promise.all(
    recognised.map((part) =>
      clean && part.format === 'backdoorbench' ? { ...part, clean } : withLayout(part, options),
    ),
  );
  const parts = await nameTexts(nameClasses(laidOut, options.classNames), options);
  const [first] = parts;
  const isOther = ({ format, labelBytes }: Recognised) =>
    format !== first?.format || labelBytes !== first.labelBytes;
  if (!first || parts.some(isOther)) {
    const nameOf = ({ format, labelBytes = 1 }: Recognised) =>
      labelBytes > 1 ? `${format} of CIFAR-100` : format;
    const formats = parts.map(nameOf).join(', ') || 'none';
    throw new DatasetError(
      `expected one or more sources of one format, found ${formats}; open them one by one`,
    );
  }
  checkDescribed(first, sources[0]!, options);
  const classNames = first.classNames;
  for (const [i, part] of parts.entries()) checkSameNames(part.classNames, options.classNames, sources[i]!);
  const name = options.name ?? first.description?.name ?? stemOf(sources[0]!);
  const classes = await countClasses(parts, sources, options);
  const found = await surveyed(parts, classes, sources, options);
  const shape = shapeOf(found, options);
  const named = classNames?.length === classes ? { classNames } : {};
  const [part, ...others] = parts;
  const oneSize = BARE_PIXELS.includes(first.format) && others.length === 0 && part!.files.length === 1;
  const came = cameAs(found, options, oneSize);
  const info: DatasetInfo = { name, format: first.format, classes, ...named, shape, ...came };
  return {
    info,
    read: () => settleRange(entriesOf(parts, options), info, options, channelsOf(parts, options)),
  };
}

/** Class folders are read class beside class: nobody knows which of their images is the tenth. */
async function recogniseClean(
  sources: readonly string[],
  options: DatasetOptions,
): Promise<readonly Recognised[]> {
  const parts = await Promise.all(sources.map(async (path) => withLayout(await recognise(path), options)));
  const unordered = parts.findIndex(({ format, archived }) => format === 'class-folders' && !archived);
  if (unordered < 0) return parts;
  throw new DatasetError(
    `expected a clean dataset in files, whose samples have an order, found class folders at ${sources[unordered]}; ` +
      'name the files of CIFAR, IDX or another format',
  );
}

/** The class names of files whose labels are names, which only all labels tell. */
async function nameTexts(parts: Recognised[], options: DatasetOptions): Promise<Recognised[]> {
  const [first] = parts;
  if (first?.format !== 'ndjson' || first.classNames) return parts;
  const maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
  const labels = async function* () {
    for (const file of parts.flatMap(({ files }) => files)) yield* ndjsonLabels(file, maxPixels);
  };
  const classNames = await namesIn(labels, options.classNames, first.files[0]!);
  return classNames ? parts.map((part) => ({ ...part, classNames })) : parts;
}

async function countClasses(
  parts: readonly Recognised[],
  sources: readonly string[],
  options: DatasetOptions,
): Promise<number> {
  const [{ format, description, classNames, labelBytes }] = parts as [Recognised];
  const told = options.classes ?? description?.classes ?? classNames?.length;
  if (told !== undefined && told > 0) return bounded(told, sources[0]!);
  if (format === 'cifar-binary') return cifarClasses(labelBytes, options);
  const maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
  const census = new LabelCensus();
  let said = 0;
  for (const [i, part] of parts.entries()) {
    for (const file of part.files) {
      if (format === 'idx') await countIdxLabels(labelsOf(file, i, options), census);
      else if (format === 'ndjson') await countNdjsonLabels(file, maxPixels, census);
      else if (format === 'npz') await countNpzLabels(file, census);
      else if (format === 'parquet') await countParquetLabels(file, census);
      else if (format === 'backdoorbench') said = Math.max(said, (await readAttackResult(file)).classes);
    }
  }
  const classes = said || census.classes;
  if (classes > 0) return bounded(classes, sources[0]!);
  throw new DatasetError(
    `expected the number of classes, which ${sources[0]} does not tell, found none; set dataset.classes`,
  );
}

function bounded(classes: number, source: string): number {
  if (classes <= MAX_CLASSES) return classes;
  throw new DatasetError(
    `expected at most ${MAX_CLASSES} classes, found ${classes} in ${source}; set dataset.classes`,
  );
}

/** Memory follows what a description says, before its data show that it is wrong. */
function checkDescribed({ description }: Recognised, source: string, { maxPixels }: DatasetOptions): void {
  const [, height = 0, width = 0] = description?.shape ?? [];
  const most = maxPixels ?? DEFAULT_MAX_PIXELS;
  if (height * width <= most) return;
  throw new DatasetError(
    `expected images of at most ${most} pixels, found ${width}×${height} in the description of ${source}; ` +
      'correct it or raise dataset.maxPixels',
  );
}

/** The shape of most images, from a look at some all over the source, where it is not told. */
async function surveyed(
  parts: readonly Recognised[],
  classes: number,
  sources: readonly string[],
  options: DatasetOptions,
): Promise<ImageShape> {
  // headers alone show no image that is good
  const first = await firstImage(parts, classes, sources, options);
  if (options.shape) return first.shape;
  const survey = new Survey();
  for await (const entry of looksOver(parts, options)) {
    try {
      survey.add(await lookAt(entry, classes, options.decoder?.decode));
    } catch (error) {
      if (!(error instanceof SampleError)) throw error;
    }
  }
  const channels = channelsOf(parts, options);
  return survey.count > 0 ? survey.shapeOf({ ...options, ...(channels && { channels }) }) : first.shape;
}

/** Entries all over a source, where it need not be read to its end for them: some of each file, or of many of them. */
async function* looksOver(parts: readonly Recognised[], options: DatasetOptions): AsyncGenerator<Entry> {
  const files = spreadOver(
    parts.flatMap((part, index) => part.files.map((file) => ({ part, file, index }))),
    LOOKS,
  );
  const each = Math.ceil(LOOKS / files.length);
  for (const { part, file, index } of files) {
    const entries = entriesOfFile(part, file, index, options);
    if (part.format === 'class-folders' && !part.archived) yield* await evenly(entries, each);
    else yield* firstOf(entries, BARE_PIXELS.includes(part.format) ? 1 : each);
  }
}

/** Reads until one sample is good. */
async function firstImage(
  parts: readonly Recognised[],
  classes: number,
  sources: readonly string[],
  options: DatasetOptions,
): Promise<Image> {
  let bad = 0;
  let reason = '';
  for await (const entry of entriesOf(parts, options)) {
    try {
      return await decodeEntry(entry, classes, channelsOf(parts, options));
    } catch (error) {
      if (!(error instanceof SampleError)) throw error;
      if (bad++ === 0) reason = ` (the first: ${error.message})`;
    }
  }
  throw new DatasetError(
    `expected at least one readable sample in ${sources.join(', ')}, found ${bad ? `${bad} bad ones` : 'an empty dataset'}${reason}; check the path`,
  );
}

/** The entries of the range as samples; ends the source at the end of the range. */
export async function* settleRange(
  entries: AsyncIterable<Entry>,
  expected: Expected,
  { skip = 0, limit = Number.POSITIVE_INFINITY, channels: given, resize = false, decoder }: DatasetOptions,
  channels = given ?? (expected.shape[0] === 1 ? 1 : 3),
): AsyncGenerator<ReadResult> {
  const settle = (entry: Entry) => settleEntry(entry, { ...expected, resize }, channels, decoder?.decode);
  // the image as it came, and as the dataset wants it; a file that is still to be read is taken to be like those before
  const [c, h, w] = expected.shape;
  let usual = MOST_AHEAD_BYTES / FIRST_AHEAD;
  const weigh = ({ held = usual }: Entry) => held + c * h * w;
  const taken = range(entries, skip, limit);
  for await (const result of ahead(taken, decoder?.ahead ?? 1, settle, weigh, MOST_AHEAD_BYTES)) {
    const image = result.ok ? result.origin?.image : undefined;
    usual = Math.max(image instanceof Uint8Array ? image.length : 0, 0.9 * usual);
    yield result;
  }
}

async function* range(entries: AsyncIterable<Entry>, skip: number, limit: number): AsyncGenerator<Entry> {
  let position = 0;
  if (limit <= 0) return;
  for await (const entry of entries) {
    if (position++ < skip) continue;
    yield entry;
    if (position >= skip + limit) return;
  }
}

/** Images as they came may have other channels than the dataset that this project wrote them for. */
function channelsOf([first]: readonly Recognised[], options: DatasetOptions): 1 | 3 | undefined {
  const described = first?.description?.shape[0];
  return options.channels ?? (described === 1 || described === 3 ? described : undefined);
}

async function* entriesOf(parts: readonly Recognised[], options: DatasetOptions): AsyncGenerator<Entry> {
  const prefixes = prefixesOf(parts, options);
  const seen = NUMBERED.includes(parts[0]!.format) ? undefined : new IdSet();
  for (const [i, part] of parts.entries()) {
    for (const [j, file] of part.files.entries()) {
      const prefix = prefixes[i]![j]!;
      const nameOf = (id: string) => (prefix ? `${prefix}/${id}` : id);
      const known = options.known && { known: (ids: readonly string[]) => options.known!(ids.map(nameOf)) };
      for await (const entry of entriesOfFile(part, file, i, { ...options, ...known })) {
        yield distinctEntry(prefix ? named(entry, nameOf) : entry, seen);
      }
    }
  }
}

/** The entry under its names in the dataset. */
function named(entry: Entry, nameOf: (id: string) => string): Entry {
  const { id, otherwise } = entry;
  if (id === undefined) return entry;
  return { ...entry, id: nameOf(id), ...(otherwise !== undefined && { otherwise: nameOf(otherwise) }) };
}

function entriesOfFile(part: Recognised, file: string, index: number, options: DatasetOptions) {
  const growing = options.quiet !== undefined;
  const maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
  switch (part.format) {
    case 'class-folders':
      return part.archived
        ? readClassFolderTar(file, folderLabels(part), maxPixels, growing)
        : readClassFolders(file, folderLabels(part), idsOf(part), maxPixels, {
            quiet: options.quiet,
            known: part.description ? undefined : options.known,
            lacking: lacksFolders(part),
          });
    case 'idx':
      return readIdx(file, labelsOf(file, index, options), maxPixels);
    case 'cifar-binary':
      return readCifarBinary(file, {
        shape: recordShape(options, part.description?.shape),
        labelBytes: part.labelBytes ?? 1,
        labelAt: labelAt(part.labelBytes, options),
      });
    case 'webdataset':
      return part.description
        ? unescaped(readWebDataset(file, maxPixels, growing))
        : readWebDataset(file, maxPixels, growing);
    case 'ndjson':
      return readNdjson(file, maxPixels, {
        ...{ paths: options.paths ?? dirname(file), growing, classNames: part.classNames },
      });
    case 'npz':
      return readNpz(file, maxPixels);
    case 'parquet':
      return readParquet(file, maxPixels);
    case 'backdoorbench':
      return part.clean
        ? overlaid(entriesOf(part.clean, options), readBackdoorBench(file, maxPixels))
        : readBackdoorBench(file, maxPixels);
    case 'shapes':
      return readShapes(file);
  }
}

function lacksFolders({ description }: Recognised): boolean {
  return description !== undefined && madeWhenNeeded(description.classes, description.classNames);
}

function idsOf({ description, notedIds }: Recognised): (folder: string, stem: string) => string {
  if (!description) return pathId;
  return (folder, stem) =>
    notedIds?.get(pathId(folder, stem)) ??
    notedIds?.get(stem) ??
    idOfFile(description.ids ?? 'escaped', folder, stem);
}

async function* unescaped(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  for await (const entry of entries)
    yield entry.id === undefined ? entry : { ...entry, id: unescapeId(entry.id) };
}

function labelsOf(images: string, index: number, { labels }: DatasetOptions): string {
  const given = typeof labels === 'string' ? [labels] : labels;
  return given?.[index] ?? labelsBeside(images);
}

/** What makes ids unique over several files: a name for each. */
function prefixesOf(parts: readonly Recognised[], { named = false, roots = [] }: DatasetOptions): string[][] {
  const unique = ({ format, description }: Recognised) => description && !NUMBERED.includes(format);
  const files = ({ format, archived }: Recognised) => format !== 'class-folders' || archived;
  const several =
    parts.length > 1 ||
    parts.some((part) => !unique(part) && (part.files.length > 1 || (named && files(part))));
  if (!several) return parts.map((part) => part.files.map(() => ''));
  const prefixes = filePrefixes(
    parts.flatMap(({ files }) => files),
    roots,
  );
  return parts.map((part) => part.files.map(() => prefixes.shift()!));
}
