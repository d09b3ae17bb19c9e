// The purification as `run` and `purify` share it: the parts are put together, the stream runs, and verdict,
// purified dataset, manifest and models end up in the record.

import { join } from 'node:path';
import { Credit } from '../../streams/operators/credited.ts';
import type { Report } from '../../streams/progress.ts';
import { type PurifySummary, runPurification } from '../../streams/purify.ts';
import type { Estimate, Judgement, OnEstimate } from '../../streams/stages/detect.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import type { ReadResult } from '../datasets/sample.ts';
import { SampleStore } from '../datasets/store/sample-store.ts';
import type { DatasetWriter } from '../datasets/writer.ts';
import type { Successor } from '../files/successor.ts';
import type { SettledSample } from '../ports/records.ts';
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef } from '../workers/protocol.ts';
import type { Context } from './context.ts';
import { keepFindings, tellVerdict } from './findings.ts';
import type { RunMemory } from './memory.ts';
import { methodOf } from './method.ts';
import { type Denoiser, type Observer, progressOf, writeOnnx } from './models.ts';
import { openOutput } from './output.ts';
import type { OpenRecord } from './record.ts';
import { estimateTo, reportTo } from './report.ts';
import type { StageClock } from './stage-clock.ts';

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
  const { info, source, store, scratch, clock, memory } = parts;
  const { record, refuse } = parts.open;
  const settled = new SampleStore(join(scratch, 'settled'), info.shape);
  const onProgress = progressOf(context, 'benign');
  const onCarriers = progressOf(context, 'carriers');
  const method = methodOf(context.settings, pool, { ...parts, settled, onProgress, onCarriers });
  const { runner, trainer } = method;
  const credit = new Credit(method.inFlight);
  context.tally?.watch({ runner, credit, clock });
  const output = await openOutput(context, parts);
  const told = new Told(context, parts);
  clock.start();
  try {
    const summary = await runPurification(
      {
        ...method,
        ...(source && { source }),
        ...{ store, scratch, credit, refuse },
        transitions: record.path('transitions.ndjson'),
        output: { ...output, release: (settled) => told.settled(settled) },
        onEstimate: (estimate) => told.estimate(estimate),
        onVerdict: (judgement) => told.verdict(judgement),
        report: timed(reportTo(context.log, context.tally), clock),
      },
      context.signal,
    );
    await memory?.conclude(summary);
    const manifest = await output.close();
    await keepFindings(parts, told.judgement?.knowledge);
    if (trainer.model) await writeOnnx(record.path('models', 'benign.onnx'), trainer.model, info);
    return { ...summary, benign: trainer.model, manifest, denoiserCalls: runner.denoiserCalls };
  } catch (error) {
    await runner.idle();
    await output.abort();
    throw error;
  } finally {
    settled.dispose();
  }
}

/** Who is told of a purification as it goes on: the log, the tally, the record, and what remembers it. */
class Told {
  readonly #context: Context;
  readonly #parts: Purification;
  readonly #tellEstimate: (estimate: Estimate) => void;
  #judgement: Judgement | undefined;

  constructor(context: Context, parts: Purification) {
    this.#context = context;
    this.#parts = parts;
    this.#tellEstimate = estimateTo(context.log);
  }

  /** What was found, once it is known. */
  get judgement(): Judgement | undefined {
    return this.#judgement;
  }

  async settled(settled: SettledSample): Promise<void> {
    const { image } = settled.entry;
    this.#context.tally?.count(image === 'none' ? 'dropped' : image);
    await this.#parts.memory?.ledger.release(settled);
  }

  estimate(estimate: Estimate): unknown {
    this.#tellEstimate(estimate);
    this.#parts.memory?.window(estimate);
    return this.#parts.onWindow(estimate);
  }

  verdict(judgement: Judgement): void {
    this.#judgement = judgement;
    tellVerdict(this.#context, this.#parts, judgement.verdict);
  }
}

/** Stages end one after the other, so the time between two ends belongs to the later one. */
function timed(report: Report, clock: StageClock): Report {
  return (progress) => {
    if (progress.state === 'done') clock.lap(progress.stage);
    report(progress);
  };
}
