// The method's figure as one pipe: samples are diffused and observed (map), counted and judged (reduce), settled
// (map), learned from and relabelled (train), and written. Zhou et al. 2024, "DataElixir", figure 2. One credit
// bounds what is in flight in every part of it, so memory does not grow with the dataset.

import { defer, type Observable } from 'rxjs';
import type { ReadResult } from '../src/datasets/sample.ts';
import type { SampleStore } from '../src/datasets/sample-store.ts';
import type { DatasetWriter } from '../src/datasets/writer.ts';
import type { RepairPolicy } from '../src/defense/repair.ts';
import type { Residuals } from '../src/defense/residuals.ts';
import type { Verdict } from '../src/defense/verdict.ts';
import { abortable } from './operators/abortable.ts';
import { Credit } from './operators/credited.ts';
import type { Report } from './progress.ts';
import type { Decision, ManifestEntry, Refuse, SettledSample } from './records.ts';
import type { BenignTrainer, Runner } from './runner.ts';
import { type Detection, detect, type Estimate, emptyVerdict, type Judgement } from './stages/detect.ts';
import { diffuse } from './stages/diffuse.ts';
import { type ExaminationParts, examination } from './stages/examine.ts';
import { observe } from './stages/observe.ts';
import { read, reread, stored } from './stages/read.ts';
import { relabel } from './stages/relabel.ts';
import { select } from './stages/select.ts';
import { train } from './stages/train.ts';
import { type Fitted, write } from './stages/write.ts';

export interface PurifyParts {
  /** Left out where `store` holds all samples already, because the observer was trained on it. */
  readonly source?: AsyncIterable<ReadResult>;
  /** Raw images between the passes: filled from `source`, or full. */
  readonly store: SampleStore;
  readonly runner: Runner;
  readonly trainer: BenignTrainer;
  readonly detection: Detection;
  /** Where given, recovered triggers are tried on images before the verdict. */
  readonly examination?:
    | Pick<ExaminationParts, 'conclude' | 'falseAlarm' | 'canaries' | 'learner'>
    | undefined;
  /** Empty; filled with what purification removes. */
  readonly residuals: Residuals;
  readonly policy: RepairPolicy;
  readonly writer: Pick<DatasetWriter, 'write'>;
  /** Most samples in flight at a time. */
  readonly inFlight: number;
  /** Counts them, where somebody wants to watch; of `inFlight`. */
  readonly credit?: Credit;
  /** Samples a call of the runner; must not change any result. */
  readonly batch: number;
  /** Path that the transition records are written to, and read from in the second pass. */
  readonly transitions: string;
  /** Path of the manifest of the purified dataset. */
  readonly manifest: string;
  /** Folder for what waits; whoever made it removes it. */
  readonly scratch: string;
  readonly refuse: Refuse;
  /** Notes every sample that is settled, in source order; awaited. */
  readonly release?: ((settled: SettledSample) => Promise<void>) | undefined;
  /** How images were fitted to the networks; they are of one size where left out. */
  readonly fitted?: Fitted;
  readonly onEstimate: (estimate: Estimate) => void;
  readonly onVerdict?: (judgement: Judgement) => void | Promise<void>;
  readonly report: Report;
}

/** What came of a purification. */
export interface PurifySummary {
  readonly verdict: Verdict;
  /** Samples written or dropped, by the rule that decided. */
  readonly rules: Readonly<Partial<Record<Decision, number>>>;
  readonly written: number;
  readonly dropped: number;
  /** Samples that could not be read or worked on. */
  readonly refused: number;
}

/** Repairs a dataset; emits a manifest entry for every sample that is written or dropped, in source order. */
export function purify(parts: PurifyParts): Observable<ManifestEntry> {
  return defer(() => {
    const { source, store } = parts;
    const limited = { ...parts, ...limitsOf(parts), expected: source ? undefined : store.count };
    const examine = parts.examination && examination({ ...limited, ...parts.examination });
    const stages = { ...limited, ...(examine && { examine }) };
    const samples = source ? read({ ...stages, source }).pipe(stored(stages)) : reread(stages);
    return samples.pipe(
      diffuse(stages),
      observe(stages),
      detect(stages),
      select(stages),
      train(stages),
      relabel(stages),
      write(stages),
    );
  });
}

/**
 * Runs a purification to its end.
 *
 * @throws the reason of `signal` when that aborts; whatever failed in reader, runner, trainer, writer or disk
 */
export async function runPurification(parts: PurifyParts, signal?: AbortSignal): Promise<PurifySummary> {
  let verdict = emptyVerdict(parts.detection);
  let refused = 0;
  const refuse: Refuse = async (bad) => {
    refused += 1;
    await parts.refuse(bad);
  };
  const onVerdict = (judgement: Judgement) => {
    verdict = judgement.verdict;
    return parts.onVerdict?.(judgement);
  };
  const rules: Partial<Record<Decision, number>> = {};
  let dropped = 0;
  let settled = 0;
  await purify({ ...parts, refuse, onVerdict })
    .pipe(abortable(signal))
    .forEach(({ rule, image }) => {
      rules[rule] = (rules[rule] ?? 0) + 1;
      settled += 1;
      if (image === 'none') dropped += 1;
    });
  return { verdict, rules, written: settled - dropped, dropped, refused };
}

/**
 * What `inFlight` means for the stages. Two batchers in a row (relabel) may each hold all but one item of a batch,
 * so their sizes together must stay below the credit, or both would wait for ever.
 */
function limitsOf({ inFlight, credit = new Credit(inFlight), batch, refuse }: PurifyParts) {
  return {
    credit,
    batch: Math.min(batch, Math.ceil(inFlight / 2)),
    group: Math.max(1, Math.floor(inFlight / 2)),
    refuse: async (bad: Parameters<Refuse>[0]) => {
      await refuse(bad);
      credit.give();
    },
  };
}
