// The first half of the method, up to the verdict: samples are diffused and observed (map), counted and judged
// (reduce). A purification goes on from there; who only wants the verdict stops at the first record that has it.

import { defer, firstValueFrom, type Observable } from 'rxjs';
import type { ReadResult } from '../src/datasets/sample.ts';
import type { SampleStore } from '../src/datasets/store/sample-store.ts';
import type { Residuals } from '../src/defense/evidence/residuals.ts';
import type { JudgedRecord, Refuse } from '../src/ports/records.ts';
import type { Runner } from '../src/ports/runner.ts';
import { abortable } from './operators/abortable.ts';
import { Credit } from './operators/credited.ts';
import type { Report } from './progress.ts';
import { type Detection, detect, emptyVerdict, type Judgement, type OnEstimate } from './stages/detect.ts';
import { diffuse } from './stages/diffuse.ts';
import { type ExaminationParts, examination } from './stages/examine.ts';
import { observe } from './stages/observe.ts';
import { read, reread, stored } from './stages/read.ts';

export interface JudgeParts {
  /** Left out where `store` holds all samples already, because the observer was trained on it. */
  readonly source?: AsyncIterable<ReadResult>;
  /** Raw images between the passes: filled from `source`, or full. */
  readonly store: SampleStore;
  readonly runner: Runner;
  readonly detection: Detection;
  /** Where given, recovered triggers are tried on images before the verdict. */
  readonly examination?:
    | Pick<ExaminationParts, 'conclude' | 'falseAlarm' | 'canaries' | 'learner' | 'refit' | 'planted'>
    | undefined;
  /** Empty; filled with what purification removes. */
  readonly residuals: Residuals;
  /** Most samples in flight at a time. */
  readonly inFlight: number;
  /** Counts them, where somebody wants to watch; of `inFlight`. */
  readonly credit?: Credit;
  /** Samples a call of the runner; must not change any result. */
  readonly batch: number;
  /** Path that the transition records are written to, and read from in the second pass. */
  readonly transitions: string;
  readonly refuse: Refuse;
  readonly onEstimate: OnEstimate;
  readonly onVerdict?: (judgement: Judgement) => void | Promise<void>;
  readonly report: Report;
}

/** Steps 1 to 4: every record with the verdict, in source order. */
export function judged(parts: JudgeParts & Limits): Observable<JudgedRecord> {
  return defer(() => {
    const { source, store, examination: examined } = parts;
    const examine = examined && examination({ ...parts, ...examined });
    const samples = source ? read({ ...parts, source }).pipe(stored(parts)) : reread(parts);
    return samples.pipe(
      diffuse(parts),
      observe({ ...parts, expected: source ? undefined : store.count }),
      detect({ ...parts, ...(examine && { examine }) }),
    );
  });
}

/**
 * The verdict on a dataset, and nothing else: nothing is repaired, learned or written.
 *
 * @throws as `runPurification` does
 */
export async function judge(parts: JudgeParts, signal?: AbortSignal): Promise<Judgement> {
  const none: Judgement = { verdict: emptyVerdict(parts.detection) };
  const records = judged({ ...parts, ...limitsOf(parts) }).pipe(abortable(signal));
  return firstValueFrom(records, { defaultValue: none });
}

/** What `inFlight` means for the stages. */
export type Limits = ReturnType<typeof limitsOf>;

/**
 * Two batchers in a row (relabel) may each hold all but one item of a batch, so their sizes together must stay below
 * the credit, or both would wait for ever.
 */
export function limitsOf({
  inFlight,
  credit = new Credit(inFlight),
  batch,
  refuse,
}: Pick<JudgeParts, 'inFlight' | 'credit' | 'batch' | 'refuse'>) {
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
