// The method's figure as one pipe: samples are diffused and observed (map), counted and judged (reduce), settled
// (map), learned from and relabelled (train), and written. Zhou et al. 2024, "DataElixir", figure 2. One credit
// bounds what is in flight in every part of it, so memory does not grow with the dataset.

import { defer, type Observable } from 'rxjs';
import type { Verdict } from '../src/defense/verdict/verdict.ts';
import type { Decision, ManifestEntry, Refuse } from '../src/ports/records.ts';
import { type JudgeParts, judged, limitsOf } from './judge.ts';
import { abortable } from './operators/abortable.ts';
import { emptyVerdict, type Judgement } from './stages/detect.ts';
import { type RelabelParts, relabel } from './stages/relabel.ts';
import { select } from './stages/select.ts';
import { train } from './stages/train.ts';
import { type Output, write } from './stages/write.ts';

/** What the stages need, but for what they hand on: judging, deciding and learning, writing. */
export interface PurifyParts extends JudgeParts, Pick<RelabelParts, 'trainer' | 'policy' | 'scratch'> {
  readonly output: Output;
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
