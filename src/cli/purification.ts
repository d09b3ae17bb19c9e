// The purification as `run` and `purify` share it: the parts are put together, the stream runs, and verdict,
// purified dataset, manifest and models end up in the record.

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Credit } from '../../streams/operators/credited.ts';
import type { Report } from '../../streams/progress.ts';
import { type PurifySummary, runPurification } from '../../streams/purify.ts';
import type { Judgement } from '../../streams/stages/detect.ts';
import type { DatasetInfo } from '../datasets/open.ts';
import type { ReadResult } from '../datasets/sample.ts';
import { SampleStore } from '../datasets/sample-store.ts';
import { openWriter } from '../datasets/writer.ts';
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import type { Context } from './commands.ts';
import { writerOptions } from './datasets.ts';
import { writeEvidence } from './evidence.ts';
import { methodOf } from './method.ts';
import { type Denoiser, progressOf, writeOnnx } from './models.ts';
import type { OpenRecord } from './record.ts';
import { estimateTo, reportTo, verdictTo } from './report.ts';
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
  const { info, source, store, observer, scratch, clock } = parts;
  const { record, refuse } = parts.open;
  const settled = new SampleStore(join(scratch, 'settled'), info.shape);
  const onProgress = progressOf(log, 'benign');
  const method = methodOf(settings, pool, { ...parts, settled, onProgress });
  const { runner, trainer } = method;
  const credit = new Credit(method.inFlight);
  tally?.watch({ runner, credit, clock });
  const target = settings.output.path ?? record.path('purified');
  const writer = await openWriter(target, writerOptions(settings, info));
  const manifest = join(scratch, 'manifest.ndjson');
  const tellVerdict = verdictTo(log);
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
        release: async ({ entry }) => tally?.count(entry.image === 'none' ? 'dropped' : entry.image),
        onEstimate: estimateTo(log),
        onVerdict: (found) => {
          judgement = found;
          tellVerdict(found.verdict);
        },
        report: timed(reportTo(log, tally), clock),
      },
      signal,
    );
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
