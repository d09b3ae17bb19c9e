// The front of all writers. A dataset is written under a temporary name and gets its own name when it is whole,
// so that nobody ever reads half of one; an output that is there already is never touched.

import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, DatasetError } from '../errors.ts';
import { openClassFolderWriter } from './class-folder-writer.ts';
import { DESCRIPTION_FILE, formatDescription } from './description.ts';
import { stemOf } from './recognise.ts';
import type { ImageShape, Sample } from './sample.ts';
import { openShardWriter, openTarWriter } from './webdataset-writer.ts';

export const OUTPUT_FORMATS = ['class-folders', 'webdataset'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

const DEFAULT_SAMPLES_PER_SHARD = 10_000;

export interface WriterOptions {
  readonly format: OutputFormat;
  readonly classes: number;
  readonly shape: ImageShape;
  /** Name of the dataset and of its shards; the target's name when absent. */
  readonly name?: string;
  readonly classNames?: readonly string[];
  /** Samples in each WebDataset shard; 10,000 when absent. A target that ends in `.tar` is always one shard. */
  readonly samplesPerShard?: number;
}

/** Writes samples one after the other; await each call before the next. */
export interface DatasetWriter {
  /** @throws {DatasetError} when the sample does not fit or the disk refuses it */
  write(sample: Sample): Promise<void>;
  /** Gives the dataset its name. @returns how many samples it holds */
  close(): Promise<number>;
  /** Removes what was written. */
  abort(): Promise<void>;
}

/** What one format provides; `parts` grows while it writes. */
export interface PartWriter {
  readonly parts: readonly string[];
  write(sample: Sample): Promise<void>;
  close(): Promise<void>;
}

/**
 * Begins a new dataset.
 *
 * @param target a folder that is not there yet or is empty; with `webdataset` also a file that ends in `.tar`
 * @throws {DatasetError} when the target exists, or its place cannot be written to
 */
export async function openWriter(target: string, options: WriterOptions): Promise<DatasetWriter> {
  const single = options.format === 'webdataset' && target.endsWith('.tar');
  if (!single && /\.(tar|tgz|gz)$/.test(target)) {
    throw new ConfigError(
      `expected a folder for ${options.format}, found ${target}; name a folder, or .tar for one shard`,
    );
  }
  await checkFree(target);
  const temporary = `${resolve(target)}.partial`;
  const parts = await begin(temporary, target, single, options).catch((error: Error) => {
    throw new DatasetError(
      `expected to write beside ${target}, found: ${error.message}; choose another place`,
    );
  });
  let samples = 0;
  return {
    write: async (sample) => {
      checkFits(sample, options);
      await parts.write(sample);
      samples++;
    },
    close: async () => {
      await parts.close();
      if (!single) await describe(temporary, target, parts.parts, samples, options);
      await publish(temporary, target);
      return samples;
    },
    abort: async () => {
      await parts.close().finally(() => rm(temporary, { recursive: true, force: true }));
    },
  };
}

async function begin(
  temporary: string,
  target: string,
  single: boolean,
  options: WriterOptions,
): Promise<PartWriter> {
  // what a killed run left behind: only this project makes that name
  await rm(temporary, { recursive: true, force: true });
  await mkdir(single ? dirname(temporary) : temporary, { recursive: true });
  if (single) return openTarWriter(temporary);
  if (options.format === 'class-folders') {
    return openClassFolderWriter(temporary, options.classes, options.classNames);
  }
  const perShard = options.samplesPerShard ?? DEFAULT_SAMPLES_PER_SHARD;
  return openShardWriter(temporary, options.name ?? stemOf(target), perShard);
}

async function describe(
  folder: string,
  target: string,
  parts: readonly string[],
  samples: number,
  { name = stemOf(target), format, classes, classNames, shape }: WriterOptions,
): Promise<void> {
  const names = classNames?.length === classes ? { classNames } : {};
  const description = { name, format, classes, ...names, shape, samples, parts };
  await writeFile(join(folder, DESCRIPTION_FILE), formatDescription(description));
}

async function checkFree(target: string): Promise<void> {
  if (!existsSync(target)) return;
  const taken = !(await stat(target)).isDirectory() || (await readdir(target)).length > 0;
  if (!taken) return;
  throw new DatasetError(
    `expected a new or empty output, found ${target} in use; remove it or choose another name`,
  );
}

async function publish(temporary: string, target: string): Promise<void> {
  await checkFree(target);
  if (existsSync(target)) await rmdir(target);
  await rename(temporary, target);
}

function checkFits({ id, label, shape }: Sample, options: WriterOptions): void {
  const fits = shape.every((extent, i) => extent === options.shape[i]);
  if (fits && Number.isInteger(label) && label >= 0 && label < options.classes) return;
  throw new DatasetError(
    `expected images of [${options.shape}] with labels below ${options.classes}, found [${shape}] with label ` +
      `${label} at sample ${id}; write such samples to another dataset`,
  );
}
