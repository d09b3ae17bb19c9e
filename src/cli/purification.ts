// The purification as `run` and `purify` share it: the parts are put together, the stream runs, and verdict,
// purified dataset, manifest and models end up in the record.

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../../streams/progress.ts';
import { type PurifySummary, runPurification } from '../../streams/purify.ts';
import type { Estimate, Judgement } from '../../streams/stages/detect.ts';
import type { DatasetInfo } from '../datasets/open.ts';
import type { ReadResult } from '../datasets/sample.ts';
import { SampleStore } from '../datasets/sample-store.ts';
import { openWriter } from '../datasets/writer.ts';
import { Residuals } from '../defense/residuals.ts';
import { OnlineBenignTrainer } from '../training/benign-trainer.ts';
import type { Pool } from '../workers/pool.ts';
import { PoolRunner } from '../workers/pool-runner.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import type { Context } from './commands.ts';
import { writerOptions } from './datasets.ts';
import { writeEvidence } from './evidence.ts';
import type { RunMemory } from './memory.ts';
import { classifierSpec, type Denoiser, progressOf, writeOnnx } from './models.ts';
import type { OpenRecord } from './record.ts';
import { estimateTo, reportTo, verdictTo } from './report.ts';
import { detectionOf, fineTuningOf, planOf, policyOf, trainingOf } from './rules.ts';
import type { StageClock } from './workspace.ts';

export interface Purification {
  readonly info: DatasetInfo;
  /** Left out where `store` holds all samples already. */
  readonly source?: AsyncIterable<ReadResult>;
  readonly store: SampleStore;
  readonly observer: ClassifierRef;
  readonly denoiser: Denoiser;
  readonly open: OpenRecord;
  /** Folder for temporary files. */
  readonly scratch: string;
  readonly clock: StageClock;
  /** What earlier runs left. */
  readonly memory?: RunMemory | undefined;
  /** Told of each window as it closes. */
  readonly onWindow: (estimate: Estimate) => void;
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
  const { settings, log, signal } = context;
  const { info, source, store, observer, scratch, clock, memory } = parts;
  const { record, refuse } = parts.open;
  const { model: denoiser, schedule } = parts.denoiser;
  const { quantile } = settings.repair;
  const runner = new PoolRunner(pool, {
    observer,
    denoiser,
    schedule,
    plan: planOf(settings),
    quantile,
    cache: memory?.candidates,
  });
  const settled = new SampleStore(join(scratch, 'settled'), info.shape);
  const trainer = new OnlineBenignTrainer(pool, {
    spec: classifierSpec(settings, info),
    training: trainingOf(settings),
    fineTuning: fineTuningOf(settings),
    store: settled,
    onProgress: progressOf(log, 'benign'),
    memory: memory?.networks,
    warm: memory?.warm,
  });
  const target = settings.output.path ?? record.path('purified');
  const replace = (await memory?.mayReplace(target)) ?? false;
  const writer = await openWriter(target, { ...writerOptions(settings, info), replace });
  await memory?.claim(target);
  const manifest = join(scratch, 'manifest.ndjson');
  const residuals = new Residuals(info.shape[0] * info.shape[1] * info.shape[2]);
  const tellVerdict = verdictTo(log);
  const tellEstimate = estimateTo(log);
  let judgement: Judgement | undefined;
  const detection = detectionOf(settings, info.classes);
  clock.start();
  try {
    const summary = await runPurification(
      {
        ...(source && { source }),
        store,
        runner,
        trainer,
        detection,
        examination: detection.examination,
        residuals,
        policy: policyOf(settings),
        writer,
        inFlight: settings.inFlight,
        batch: settings.diffusion.batch,
        transitions: record.path('transitions.ndjson'),
        manifest,
        scratch,
        refuse,
        release: memory && ((settled) => memory.ledger.release(settled)),
        onEstimate: (estimate) => {
          tellEstimate(estimate);
          parts.onWindow(estimate);
          memory?.window(estimate);
        },
        onVerdict: (found) => {
          judgement = found;
          tellVerdict(found.verdict);
        },
        report: timed(reportTo(log), clock),
      },
      signal,
    );
    await memory?.conclude(summary);
    await writer.close();
    const published = target.endsWith('.tar') ? `${target}.manifest.ndjson` : join(target, 'manifest.ndjson');
    await rename(manifest, published);
    record.writeJson('verdict.json', summary.verdict);
    if (judgement?.knowledge) await writeEvidence(record.path('evidence'), judgement.knowledge, store);
    await writeOnnx(record.path('models', 'observer.onnx'), observer);
    if (trainer.model) await writeOnnx(record.path('models', 'benign.onnx'), trainer.model);
    return { ...summary, benign: trainer.model, manifest: published, denoiserCalls: runner.denoiserCalls };
  } catch (error) {
    await writer.abort();
    throw error;
  } finally {
    settled.dispose();
  }
}

/** Stages end one after the other, so the time between two ends belongs to the later one. */
function timed(report: Report, clock: StageClock): Report {
  return (progress) => {
    if (progress.state === 'done') clock.lap(progress.stage);
    report(progress);
  };
}
