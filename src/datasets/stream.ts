// A dataset that comes once, as bytes from a pipe: NDJSON, a WebDataset tar or CIFAR binary, gzipped or not. It is
// recognised by its beginning and read no faster than its samples are taken. What only the end would tell, the
// number of classes, is known at the end, unless it was given; whoever needs samples twice keeps them in a store.

import { DatasetError, SampleError } from '../errors.ts';
import { readBytes } from './bytes/byte-reader.ts';
import { type ByteStream, buffersOf, peek } from './bytes/byte-stream.ts';
import type { DatasetInfo, DatasetOptions } from './dataset.ts';
import { cameAs, recordShape, shapeOf } from './dataset-shape.ts';
import { distinctEntry } from './distinct.ts';
import { damagedEntry, type Entry } from './entry.ts';
import { cifarClasses, labelAt } from './formats/cifar-binary/cifar.ts';
import { readCifarBinary } from './formats/cifar-binary/cifar-binary-reader.ts';
import { bytesLookedAt, labelBytesOf } from './formats/cifar-binary/cifar-layout.ts';
import { readNdjson } from './formats/ndjson/ndjson-reader.ts';
import { readWebDataset } from './formats/webdataset/webdataset-reader.ts';
import { LabelCensus, MAX_CLASSES } from './label-census.ts';
import { DEFAULT_MAX_PIXELS, settleRange } from './open.ts';
import { formatOf, START_BYTES } from './recognise.ts';
import type { DatasetFormat } from './recognised.ts';
import type { ImageShape, ReadResult } from './sample.ts';
import { decodeEntry } from './settle.ts';
import { IdSet } from './store/id-set.ts';
import { LOOKS, lookAt, Survey } from './survey.ts';

/** Formats that can be read from their beginning to their end. */
const STREAM_FORMATS = ['ndjson', 'webdataset', 'cifar-binary'] as const;

/** Samples that may be bad before a good one shows the size of images. */
const MOST_BAD = 1000;
/** Bytes of images that are enough of a look. */
const MOST_HELD = 2 ** 26;

/** What is known of a dataset that may still be flowing. */
export interface SourceInfo extends Omit<DatasetInfo, 'classes'> {
  /** Absent before the end of a stream that does not tell: then what its labels say. */
  readonly classes?: number;
}

/** A dataset that may be readable only once; `Dataset` is one that is not. */
export interface Source {
  readonly info: SourceInfo;
  /** What its labels say of the classes, where that shows only at its end. */
  readonly census?: LabelCensus | undefined;
  /**
   * All samples of the range, in order. A stream gives them once.
   *
   * @param classes labels must be below this; those of `info` when absent
   */
  read(classes?: number): AsyncGenerator<ReadResult>;
}

/**
 * Opens a stream and finds out its format and shape, from its first bytes and its first samples.
 *
 * @param name   of the stream in messages
 * @param chunks pulled as samples are taken; ended when nobody wants more of them
 * @throws {DatasetError} when it is empty, of no format that can be streamed, or none of its first samples is readable
 */
export async function openStream(
  name: string,
  chunks: AsyncIterable<Uint8Array | string>,
  given: DatasetOptions = {},
): Promise<Source> {
  const { start, bytes } = await peek(readBytes({ name, bytes: buffersOf(chunks) }), START_BYTES);
  const format = streamFormat(name, start, given.format);
  const { options, stream } = await withLayout({ name, bytes }, format, given);
  const rest = distinct(entriesOf(stream, format, options));
  const { held, found } = await firstOnes(name, rest, options);
  const told =
    options.classes ?? (format === 'cifar-binary' ? cifarClasses(options.labelBytes, options) : undefined);
  const census = new LabelCensus();
  let ended = false;
  let begun = false;
  const shape = shapeOf(found, options);
  const came = cameAs(found, options, format === 'cifar-binary');
  const known = { name: options.name ?? name, format, shape, ...came, ...namesOf(options) };
  return {
    census: told === undefined ? census : undefined,
    get info() {
      const classes = told ?? (ended ? census.classes : undefined);
      return { ...known, ...(classes !== undefined && { classes }) };
    },
    read: async function* (classes = told ?? MAX_CLASSES) {
      if (begun)
        throw new DatasetError(`expected to read ${name} once, found a second time; save it to a file`);
      begun = true;
      for await (const result of settleRange(chained(held, rest), { shape, classes }, options)) {
        if (result.ok) census.add(result.sample.label);
        yield result;
      }
      ended = true;
    },
  };
}

/** What the first records of CIFAR say of their labels, where nobody else does. */
async function withLayout(
  stream: ByteStream,
  format: DatasetFormat,
  options: DatasetOptions,
): Promise<{ readonly options: DatasetOptions; readonly stream: ByteStream }> {
  if (format !== 'cifar-binary' || options.labelBytes !== undefined) return { options, stream };
  const shape = recordShape(options);
  const { start, bytes } = await peek(stream.bytes, bytesLookedAt(shape));
  const labelBytes = labelBytesOf(stream.name, { start, size: undefined }, shape, options.classes);
  return { options: { ...options, labelBytes }, stream: { ...stream, bytes } };
}

/** Class names of the dataset that this one belongs to. */
function namesOf({ classNames, classes }: DatasetOptions): Pick<DatasetInfo, 'classNames'> {
  return classNames && classNames.length === classes ? { classNames } : {};
}

function streamFormat(name: string, start: Buffer, named: DatasetFormat | undefined): DatasetFormat {
  if (start.length === 0) {
    throw new DatasetError(`expected a dataset on ${name}, found nothing; check the command before it`);
  }
  const found = named ?? formatOf(start);
  const format = found === 'tar' ? 'webdataset' : found;
  if (format && STREAM_FORMATS.some((known) => known === format)) return format;
  throw new DatasetError(
    `expected NDJSON, a WebDataset tar or CIFAR binary on ${name}, found ` +
      `${format ?? `bytes ${start.toString('hex', 0, 8)}`}; ` +
      (format ? 'save it to a file first' : `set dataset.format to one of ${STREAM_FORMATS.join(', ')}`),
  );
}

function entriesOf(
  stream: ByteStream,
  format: DatasetFormat,
  options: DatasetOptions,
): AsyncGenerator<Entry> {
  const maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
  if (format === 'ndjson')
    return readNdjson(stream, maxPixels, { paths: options.paths, classNames: options.classNames });
  if (format === 'webdataset') return readWebDataset(stream, maxPixels);
  return readCifarBinary(stream, {
    shape: recordShape(options),
    labelBytes: options.labelBytes ?? 1,
    labelAt: labelAt(options.labelBytes, options),
  });
}

async function* distinct(entries: AsyncGenerator<Entry>): AsyncGenerator<Entry, void, undefined> {
  const seen = new IdSet();
  for await (const entry of entries) {
    yield distinctEntry(entry, seen);
  }
}

/** Takes some entries, or up to the first good one where the shape is told. Of bad ones only the place and the reason are held. */
async function firstOnes(
  name: string,
  entries: AsyncGenerator<Entry, void, undefined>,
  options: DatasetOptions,
): Promise<{ held: readonly Entry[]; found: ImageShape }> {
  const held: Entry[] = [];
  const survey = new Survey();
  const looks = options.shape ? 1 : LOOKS;
  let bytes = 0;
  let reason = '';
  while (
    held.length < (survey.count > 0 ? 2 * LOOKS : MOST_BAD) &&
    survey.count < looks &&
    bytes < MOST_HELD
  ) {
    const next = await entries.next();
    if (next.done) break;
    const { decode: _, ...place } = next.value;
    try {
      if (survey.count === 0) await decodeEntry(next.value, MAX_CLASSES);
      survey.add(await lookAt(next.value, MAX_CLASSES));
      held.push(next.value);
      bytes += next.value.held ?? 0;
    } catch (error) {
      if (!(error instanceof SampleError)) throw error;
      held.push(damagedEntry(place, error.message));
      reason ||= ` (the first: ${error.message})`;
    }
  }
  if (survey.count > 0) return { held, found: survey.shapeOf(options) };
  await entries.return();
  throw new DatasetError(
    `expected a readable sample among the first ${MOST_BAD} of ${name}, found ${held.length === 0 ? 'none' : `${held.length} bad ones`}${reason}; ` +
      'check the command before it',
  );
}

async function* chained(
  held: readonly Entry[],
  rest: AsyncGenerator<Entry, void, undefined>,
): AsyncGenerator<Entry> {
  try {
    yield* held;
    yield* rest;
  } finally {
    await rest.return();
  }
}
