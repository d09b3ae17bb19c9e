// The front of all writers. A dataset is written under a temporary name and gets its own name when it is whole,
// so that nobody ever reads half of one; an output that is there already is never touched.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { ConfigError, DatasetError, OutputError, unwritten } from '../errors.ts';
import { type Lasting, Successor } from '../files/successor.ts';
import { type ByteSink, fileSink, streamSink } from './bytes/byte-sink.ts';
import { COMPRESSIONS, compressFile } from './bytes/compress-file.ts';
import { DESCRIPTION_FILE, formatDescription } from './description.ts';
import { openBackdoorBenchWriter } from './formats/backdoorbench/backdoorbench-writer.ts';
import { openCifarBinaryWriter } from './formats/cifar-binary/cifar-binary-writer.ts';
import { IMAGES_FOLDER } from './formats/class-folders/class-folder-list.ts';
import {
  type ClassFolderWriter,
  openClassFolderWriter,
} from './formats/class-folders/class-folder-writer.ts';
import { openIdxWriter } from './formats/idx/idx-writer.ts';
import { openNdjsonWriter } from './formats/ndjson/ndjson-writer.ts';
import { openNpzWriter } from './formats/npz/npz-writer.ts';
import { openParquetWriter } from './formats/parquet/parquet-writer.ts';
import { openShardWriter, type PartWriter } from './formats/part-writer.ts';
import { openTarWriter } from './formats/webdataset/webdataset-writer.ts';
import type { OutputFormat } from './formats.ts';
import type { Origin } from './origin.ts';
import { stemOf } from './recognise.ts';
import type { ImageShape, Sample } from './sample.ts';

/** What can be written from its beginning to its end. */
export const STREAM_OUTPUTS = ['ndjson', 'webdataset'] as const satisfies readonly OutputFormat[];

const DEFAULT_SAMPLES_PER_SHARD = 10_000;
const EXTENSIONS: Readonly<Partial<Record<OutputFormat, string>>> = {
  webdataset: '.tar',
  ndjson: '.ndjson',
  npz: '.npz',
  parquet: '.parquet',
  'cifar-binary': '.bin',
};
// the others compress what they hold
const COMPRESSED: readonly OutputFormat[] = ['webdataset', 'ndjson', 'cifar-binary'];
// which have one size for all images
const BARE_PIXELS: readonly OutputFormat[] = ['npz', 'idx', 'cifar-binary'];
// whose labels are bytes
const BYTE_LABELS: readonly OutputFormat[] = ['idx', 'cifar-binary'];

export interface WriterOptions extends Lasting {
  readonly format: OutputFormat;
  readonly classes: number;
  readonly shape: ImageShape;
  /** Take images of all heights and widths, which formats of bare pixels cannot; only those of `shape` when absent. */
  readonly anySize?: boolean;
  /** Name of the dataset and of its shards; the target's name when absent. */
  readonly name?: string;
  readonly classNames?: readonly string[];
  /** Samples in each file; 10,000 when absent. A target with the extension of its format is always one file. */
  readonly samplesPerShard?: number;
  /** Take the place of what stands at the target, which the caller knows to be its own. */
  readonly replace?: boolean;
  /** Name of one more file that `close` is given, which goes into the folder, or beside the file under a longer name. */
  readonly beside?: string;
  /**
   * Whether a sample of the dataset has an id. A sample that changed its class leaves the names of files to those that
   * have them by their ids; only to those that were written before it when absent.
   */
  readonly isId?: ((id: string) => boolean) | undefined;
  /** The target's place, where the caller has claimed it already; it is the writer's from then on. */
  readonly claimed?: Successor | undefined;
}

/** Whether a dataset of this name is one file, in every format that may be so. */
export function isFileName(target: string): boolean {
  return /\.(tar|tgz|gz|zst|ndjson|jsonl|npz|parquet|bin)$/.test(target);
}

/** Whether each image is a file of its own in this format, of its own kind and size. */
export function holdsImageFiles(format: OutputFormat): boolean {
  return !BARE_PIXELS.includes(format);
}

/** Writes samples one after the other; await each call before the next. */
export interface DatasetWriter {
  /**
   * Chooses the file of the sample that is written next, with the same origin.
   *
   * @returns its path from the dataset's folder; undefined where its id says it, and where it gets no file of its own
   */
  place?(sample: Sample, origin?: Origin): string | undefined;
  /**
   * @param origin what it was in its source; with the image where that is still the sample's, which then leaves byte
   *               for byte where the format holds image files
   * @throws {DatasetError} when the sample does not fit; {OutputError} when the disk refuses it
   */
  write(sample: Sample, origin?: Origin): Promise<void>;
  /**
   * Gives the dataset its name.
   *
   * @param beside path of the file that goes with it
   * @returns how many samples it holds
   * @throws {OutputError} when the disk refuses it
   */
  close(beside?: string): Promise<number>;
  /** Removes what was written. */
  abort(): Promise<void>;
}

/**
 * Begins a new dataset.
 *
 * @param target a folder that is not there yet or is empty; or a file with the extension of the format,
 *               such as `.tar` for `webdataset`; for that, `ndjson` and `cifar-binary` also with `.gz` or `.zst` after it
 * @throws {OutputError} when the target exists, another process writes it, or its place cannot be written to
 */
export async function openWriter(target: string, options: WriterOptions): Promise<DatasetWriter> {
  const extension = EXTENSIONS[options.format];
  const compression = COMPRESSIONS.find(
    (ending) => COMPRESSED.includes(options.format) && target.endsWith(`${extension}${ending}`),
  );
  const single = compression !== undefined || (extension !== undefined && target.endsWith(extension));
  if (!single && isFileName(target)) {
    throw new ConfigError(
      `expected a folder${extension ? ` or a ${extension} file` : ''} for ${options.format}, found ${target}; ` +
        'name a folder, or set output.format',
    );
  }
  if (BYTE_LABELS.includes(options.format) && options.classes > 256) {
    throw new ConfigError(
      `expected at most 256 classes for ${options.format}, found ${options.classes}; choose another output.format`,
    );
  }
  const { replace = false, beside } = options;
  const successor = options.claimed ?? (await Successor.begin(target, replace));
  const parts = await begin(successor.path, target, single, options).catch(async (error: Error) => {
    await successor.release();
    throw OutputError.of(target, error);
  });
  const { write, place, count } = checked(parts, options);
  const finish = async (more: string | undefined) => {
    await parts.close();
    if (compression) await compressFile(successor.path, compression);
    if (!single) await describe(successor.path, target, parts, count(), options);
    await successor.publish(beside && more ? { [beside]: more } : {}, options);
    await successor.release();
  };
  return {
    write,
    place,
    close: async (more) => {
      await finish(more).catch(unwritten(target));
      return count();
    },
    abort: async () => {
      // what the disk refuses now is lost anyway
      await parts.close().catch(() => undefined);
      await successor.release().catch(() => undefined);
    },
  };
}

/** Checks each sample before it is written, and counts them. */
function checked(parts: PartWriter, options: WriterOptions) {
  let samples = 0;
  const write: DatasetWriter['write'] = async (sample, origin) => {
    checkFits(sample, options);
    await parts.write(sample, origin);
    samples++;
  };
  const place = (sample: Sample, origin?: Origin) => {
    checkFits(sample, options);
    return parts.place?.(sample, origin);
  };
  return { write, place, count: () => samples };
}

/**
 * Begins a dataset on a stream, which stays open: one file without a description beside it.
 *
 * @param name of the stream in messages
 * @throws {ConfigError} when the format needs more than a stream
 */
export function openStreamWriter(name: string, stream: Writable, options: WriterOptions): DatasetWriter {
  const parts = writerOn(streamSink(name, stream), options, '.');
  const { write, count } = checked(parts, options);
  return {
    write,
    close: async () => {
      await parts.close();
      return count();
    },
    // what was written cannot be taken back; that its end is missing shows that it is not whole
    abort: () => Promise.resolve(),
  };
}

async function begin(
  temporary: string,
  target: string,
  single: boolean,
  options: WriterOptions,
): Promise<PartWriter> {
  if (!single) await mkdir(temporary);
  const { format, name = stemOf(target) } = options;
  if (format === 'class-folders') return openClassFolderWriter(temporary, options);
  if (format === 'tiny-imagenet') return openClassFolderWriter(temporary, options, IMAGES_FOLDER);
  if (format === 'backdoorbench') return openBackdoorBenchWriter(temporary, target, options);
  if (format === 'idx') return openIdxWriter(temporary, name, options.shape);
  const folder = resolve(single ? dirname(target) : target);
  const openFile = (path: string) => openFileWriter(path, options, folder);
  if (single) return openFile(temporary);
  const perShard = options.samplesPerShard ?? DEFAULT_SAMPLES_PER_SHARD;
  return openShardWriter(temporary, name, EXTENSIONS[format]!, perShard, openFile);
}

/** @param folder where the file will stand */
function openFileWriter(
  path: string,
  options: WriterOptions,
  folder: string,
): PartWriter | Promise<PartWriter> {
  const { format, shape, classes, classNames } = options;
  switch (format) {
    case 'cifar-binary':
      return openCifarBinaryWriter(path);
    case 'npz':
      return openNpzWriter(path, shape);
    case 'parquet':
      return openParquetWriter(path, classNames?.length === classes ? classNames : undefined);
    default:
      return writerOn(fileSink(path), options, folder);
  }
}

function writerOn(
  sink: ByteSink,
  { format, classNames }: Pick<WriterOptions, 'format' | 'classNames'>,
  folder: string,
): PartWriter {
  if (format === 'ndjson') return openNdjsonWriter(sink, folder, classNames);
  if (format === 'webdataset') return openTarWriter(sink);
  throw new ConfigError(
    `output.format: expected one of ${STREAM_OUTPUTS.join(', ')} for ${sink.name}, found ${format}; ` +
      'write it to a file or folder, or choose one of these',
  );
}

async function describe(
  folder: string,
  target: string,
  { parts, ids }: PartWriter & Partial<ClassFolderWriter>,
  samples: number,
  { name = stemOf(target), format, classes, classNames, shape }: WriterOptions,
): Promise<void> {
  const names = classNames?.length === classes ? { classNames } : {};
  const paths = ids === 'paths' && { ids };
  const description = { name, format, classes, ...names, shape, samples, ...paths, parts };
  await writeFile(join(folder, DESCRIPTION_FILE), formatDescription(description));
}

function checkFits({ id, label, shape }: Sample, options: WriterOptions): void {
  const anySize = options.anySize && holdsImageFiles(options.format);
  const fits = shape.every((extent, i) => extent === options.shape[i] || (anySize && i > 0));
  if (fits && Number.isInteger(label) && label >= 0 && label < options.classes) return;
  throw new DatasetError(
    `expected images of [${options.shape}] with labels below ${options.classes}, found [${shape}] with label ` +
      `${label} at sample ${id}; write such samples to another dataset`,
  );
}
