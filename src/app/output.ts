// Where a purified dataset goes: to stdout, to the place that is named, or into the record; in which format, with its
// manifest, and what becomes of it when the run succeeds or fails.

import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { Output } from '../../streams/stages/write.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import { encodedAsBefore } from '../datasets/images/origin-kind.ts';
import type { ImageShape } from '../datasets/sample.ts';
import { idsAmong } from '../datasets/store/id-set.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import {
  type DatasetWriter,
  holdsImageFiles,
  isFileName,
  openStreamWriter,
  openWriter,
  STREAM_OUTPUTS,
  type WriterOptions,
} from '../datasets/writer.ts';
import { OutputError } from '../errors.ts';
import { Successor } from '../files/successor.ts';
import type { State } from '../state/state.ts';
import type { DenoiserRef } from '../workers/protocol.ts';
import { tilesPerImage } from '../workers/tiling.ts';
import type { Context } from './context.ts';
import { writerOptions } from './datasets.ts';
import type { RunMemory } from './memory.ts';
import { MANIFEST_ENDING, toStandardOutput } from './paths.ts';
import type { OpenRecord } from './record.ts';

const MANIFEST = 'manifest.ndjson';

/** What decides where the dataset goes. */
interface Destination {
  readonly info: DatasetInfo;
  readonly store: SampleStore;
  /** What earlier runs left. */
  readonly memory?: RunMemory | undefined;
  /** Where the purified dataset goes, if that was claimed. */
  readonly place: Successor | undefined;
}

interface OutputParts extends Destination {
  readonly open: OpenRecord;
  readonly denoiser: { readonly model: DenoiserRef };
  /** Folder for temporary files. */
  readonly scratch: string;
  /** Takes the purified dataset; where left out, it goes where the configuration says. */
  readonly writer?: DatasetWriter | undefined;
}

/** The purified dataset while it is written. */
export interface PurifiedOutput extends Omit<Output, 'release'> {
  /** Completes it. @returns path of its manifest */
  close(): Promise<string>;
  /** Takes back what was written, as far as that is possible. */
  abort(): Promise<void>;
}

/** Runs `work` with the claim on a named output, so that who would write there too is refused before he has begun. */
export async function withOutput<T>(
  context: Context,
  state: State | undefined,
  work: (place: Successor | undefined) => Promise<T>,
): Promise<T> {
  const { path } = context.settings.output;
  if (path === null || toStandardOutput(context)) return work(undefined);
  const place = await Successor.begin(path, (await state?.owns(resolve(path))) ?? false);
  return work(place).finally(() => place.release());
}

/** Opens what the purified dataset is written to. */
export async function openOutput(context: Context, parts: OutputParts): Promise<PurifiedOutput> {
  const { settings } = context;
  const { info, scratch, denoiser, open } = parts;
  const target = settings.output.path ?? open.record.path('purified');
  const options = outputOf(context, info);
  const writer = parts.writer ?? (await writerTo(context, target, parts));
  const files = holdsImageFiles(options.format);
  const leaves = toStandardOutput(context);
  // what has left through stdout cannot be taken back: the record tells of it, however the run ends
  const manifest = leaves ? open.record.path(MANIFEST) : join(scratch, MANIFEST);
  return {
    writer,
    manifest,
    fitted: {
      ownSizes: files || info.came !== undefined,
      tiles: tilesPerImage(denoiser.model, info.shape),
    },
    encode: settings.output.image === 'same' && files ? encodedAsBefore : undefined,
    async close() {
      await writer.close(leaves ? undefined : manifest);
      return leaves ? manifest : manifestBeside(target);
    },
    abort: () => writer.abort(),
  };
}

/** A file or folder that is there is replaced only where an earlier run with the same state put it there. */
async function writerTo(
  context: Context,
  target: string,
  { info, store, memory, place }: Destination,
): Promise<DatasetWriter> {
  if (toStandardOutput(context)) {
    return openStreamWriter('stdout', context.stdout as Writable, outputOf(context, info));
  }
  const replace = (await memory?.mayReplace(target)) ?? false;
  if (!replace) checkManifest(target);
  // only a run with a state, or that overwrites its record, replaces what is there
  const lasting = { listed: !place || memory !== undefined, synced: memory !== undefined };
  const isId = idsAmong(() => store.ids());
  const options = { ...outputOf(context, info), ...lasting, isId, replace, claimed: place, beside: MANIFEST };
  const writer = await openWriter(target, options);
  await memory?.claim(target);
  return writer;
}

/** A stream leaves in the format in which it came, unless another than the default is named. */
function outputOf(context: Context, info: DatasetInfo): WriterOptions {
  const { settings } = context;
  const written = writerOptions(settings, info);
  const bare = info.came && !holdsImageFiles(written.format);
  const shape: ImageShape = bare ? [info.shape[0], ...info.came] : info.shape;
  const options = { ...written, shape, anySize: settings.dataset.resize !== 'refuse' };
  if (!toStandardOutput(context) || options.format !== 'class-folders') return options;
  return { ...options, format: STREAM_OUTPUTS.find((format) => format === info.format) ?? 'ndjson' };
}

/** In the folder of the dataset, or beside its one file. */
function manifestBeside(target: string): string {
  return statSync(target).isDirectory() ? join(target, MANIFEST) : `${target}${MANIFEST_ENDING}`;
}

/** @throws {OutputError} when something stands where the manifest of one file would go */
function checkManifest(target: string): void {
  const path = `${target}${MANIFEST_ENDING}`;
  if (!isFileName(target) || !existsSync(path)) return;
  throw new OutputError(
    `output.path: expected no file at ${path}, where the manifest goes, found one; choose another output.path`,
  );
}
