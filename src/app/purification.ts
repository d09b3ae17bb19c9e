// The purification as `run` and `purify` share it: the parts are put together, the stream runs, and verdict,
// purified dataset, manifest and models end up in the record.

import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { Credit } from '../../streams/operators/credited.ts';
import type { Report } from '../../streams/progress.ts';
import { type PurifySummary, runPurification } from '../../streams/purify.ts';
import type { Judgement, OnEstimate } from '../../streams/stages/detect.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import { idsAmong } from '../datasets/id-set.ts';
import { encodedAsBefore } from '../datasets/origin-kind.ts';
import type { ImageShape, ReadResult } from '../datasets/sample.ts';
import { SampleStore } from '../datasets/sample-store.ts';
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
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import { tilesPerImage } from '../workers/tiling.ts';
import type { Context } from './context.ts';
import { writerOptions } from './datasets.ts';
import { writeEvidence } from './evidence.ts';
import type { RunMemory } from './memory.ts';
import { methodOf } from './method.ts';
import { type Denoiser, type Observer, progressOf, writeOnnx } from './models.ts';
import { MANIFEST_ENDING, toStandardOutput } from './paths.ts';
import type { OpenRecord } from './record.ts';
import { estimateTo, reportTo, verdictTo } from './report.ts';
import type { StageClock } from './stage-clock.ts';

const MANIFEST = 'manifest.ndjson';

export interface Purification extends Observer {
  readonly info: DatasetInfo;
  /** Left out where `store` holds all samples already. */
  readonly source?: AsyncIterable<ReadResult>;
  readonly store: SampleStore;
  readonly denoiser: Denoiser;
  readonly open: OpenRecord;
  /** Folder for temporary files. */
  readonly scratch: string;
  readonly clock: StageClock;
  /** What earlier runs left. */
  readonly memory?: RunMemory | undefined;
  /** Where the purified dataset goes, if that was claimed. */
  readonly place: Successor | undefined;
  /** Takes the purified dataset; where left out, it goes where the configuration says. */
  readonly writer?: DatasetWriter | undefined;
  /** Told of each window as it closes. */
  readonly onWindow: OnEstimate;
}

/** What came of it. */
export interface Purified extends PurifySummary {
  /** None where nothing was settled to learn from. */
  readonly benign: ClassifierRef | undefined;
  /** Path of the purified dataset's manifest. */
  readonly manifest: string;
  readonly denoiserCalls: number;
}

/** Purifies a dataset into the record. */
export async function purifyInto(context: Context, pool: Pool, parts: Purification): Promise<Purified> {
  const { settings, log, signal, tally } = context;
  const { info, source, store, observer, denoiser, scratch, clock, memory } = parts;
  const { record, refuse } = parts.open;
  const settled = new SampleStore(join(scratch, 'settled'), info.shape);
  const onProgress = progressOf(context, 'benign');
  const onCarriers = progressOf(context, 'carriers');
  const method = methodOf(settings, pool, { ...parts, settled, onProgress, onCarriers });
  const { runner, trainer } = method;
  const credit = new Credit(method.inFlight);
  tally?.watch({ runner, credit, clock });
  const target = settings.output.path ?? record.path('purified');
  const writer = parts.writer ?? (await openOutput(context, target, parts));
  const files = holdsImageFiles(outputOf(context, info).format);
  const ownSizes = files || info.came !== undefined;
  const fitted = { ownSizes, tiles: tilesPerImage(denoiser.model, info.shape) };
  const leaves = toStandardOutput(context);
  // what has left through stdout cannot be taken back: the record tells of it, however the run ends
  const manifest = leaves ? record.path(MANIFEST) : join(scratch, MANIFEST);
  const tellVerdict = verdictTo(log, {
    observer: settings.observer.path !== null,
    denoiser: denoiser.model.kind === 'onnx',
  });
  const tellEstimate = estimateTo(log);
  let judgement: Judgement | undefined;
  clock.start();
  try {
    const summary = await runPurification(
      {
        ...method,
        ...(source && { source }),
        store,
        writer,
        credit,
        transitions: record.path('transitions.ndjson'),
        manifest,
        scratch,
        refuse,
        fitted,
        encode: settings.output.image === 'same' && files ? encodedAsBefore : undefined,
        release: async (settled) => {
          const { image } = settled.entry;
          tally?.count(image === 'none' ? 'dropped' : image);
          await memory?.ledger.release(settled);
        },
        onEstimate: (estimate) => {
          tellEstimate(estimate);
          memory?.window(estimate);
          return parts.onWindow(estimate);
        },
        onVerdict: (found) => {
          judgement = found;
          record.writeJson('verdict.json', found.verdict);
          tally?.judge(found.verdict);
          tellVerdict(found.verdict);
        },
        report: timed(reportTo(log, tally), clock),
      },
      signal,
    );
    await memory?.conclude(summary);
    await writer.close(leaves ? undefined : manifest);
    const published = leaves ? manifest : manifestBeside(target);
    await record.remove('evidence');
    const evidence = (name: string) => record.path('evidence', name);
    if (judgement?.knowledge) await writeEvidence(evidence, judgement.knowledge, store);
    await writeOnnx(record.path('models', 'observer.onnx'), observer, info);
    if (trainer.model) await writeOnnx(record.path('models', 'benign.onnx'), trainer.model, info);
    return { ...summary, benign: trainer.model, manifest: published, denoiserCalls: runner.denoiserCalls };
  } catch (error) {
    await runner.idle();
    await writer.abort();
    throw error;
  } finally {
    settled.dispose();
  }
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

/** A file or folder that is there is replaced only where an earlier run with the same state put it there. */
async function openOutput(
  context: Context,
  target: string,
  { info, store, memory, place }: Pick<Purification, 'info' | 'store' | 'memory' | 'place'>,
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

/** Stages end one after the other, so the time between two ends belongs to the later one. */
function timed(report: Report, clock: StageClock): Report {
  return (progress) => {
    if (progress.state === 'done') clock.lap(progress.stage);
    report(progress);
  };
}
