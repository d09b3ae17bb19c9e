// The method's figure as one pipe: samples are diffused and observed (map), counted and judged (reduce), settled
// (map), learned from and relabelled (train), and written. Zhou et al. 2024, "DataElixir", figure 2. One credit
// bounds what is in flight in every part of it, so memory does not grow with the dataset.

import { defer, type Observable } from 'rxjs';
import type { DatasetWriter } from '../src/datasets/writer.ts';
import type { RepairPolicy } from '../src/defense/repair/repair.ts';
import type { Verdict } from '../src/defense/verdict/verdict.ts';
import type { Decision, ManifestEntry, Refuse, SettledSample } from '../src/ports/records.ts';
import type { BenignTrainer } from '../src/ports/runner.ts';
import { type JudgeParts, judged, limitsOf } from './judge.ts';
import { abortable } from './operators/abortable.ts';
import { emptyVerdict, type Judgement } from './stages/detect.ts';
import { relabel } from './stages/relabel.ts';
import { select } from './stages/select.ts';
import { train } from './stages/train.ts';
import { type Encode, type Fitted, write } from './stages/write.ts';

export interface PurifyParts extends JudgeParts {
  readonly trainer: BenignTrainer;
  readonly policy: RepairPolicy;
  readonly writer: Pick<DatasetWriter, 'write' | 'place'>;
  /** Path of the manifest of the purified dataset. */
  readonly manifest: string;
  /** Folder for what waits; whoever made it removes it. */
  readonly scratch: string;
  /** Notes every sample that is settled, in source order; awaited. */
  readonly release?: ((settled: SettledSample) => Promise<void>) | undefined;
  /** How images were fitted to the networks; they are of one size where left out. */
  readonly fitted?: Fitted;
  /** Files of repaired images; PNG where left out. */
  readonly encode?: Encode | undefined;
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
    const stages = { ...parts, ...limitsOf(parts) };
    return judged(stages).pipe(select(stages), train(stages), relabel(stages), write(stages));
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
