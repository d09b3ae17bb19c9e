// Step 6 of DataElixir: what happens to one sample once the target labels are known.

import { hasTransition, type KeptImages } from '../evidence/transitions.ts';

/** Why a sample is treated as it is. */
export type OutcomeRule =
  | 'unflagged' // its given label is no target
  | 'stable' // given a target label, but all its kept images carry one label
  | 'unanimous' // given a target label; the kept candidates agree with one another, not with the raw image
  | 'mixed'; // given a target label, and the candidates disagree

/**
 * The reference's treatment: `keep` and `purify` are final; `suspicious` waits for the benign model, `label` is its
 * majority label. `repair.ts` holds policies that treat the same rules otherwise.
 */
export interface SampleOutcome {
  readonly action: 'keep' | 'purify' | 'suspicious';
  readonly label: number;
  readonly rule: OutcomeRule;
}

/**
 * Decides on one sample.
 *
 * @param given   label that came with the sample
 * @param flagged whether that label is a target label
 */
export function decideOutcome(given: number, kept: KeptImages, flagged: boolean): SampleOutcome {
  if (!flagged) return { action: 'keep', label: given, rule: 'unflagged' };
  if (!hasTransition(kept)) return { action: 'keep', label: given, rule: 'stable' };
  const unanimous = kept.labels.slice(1).every((label) => label === kept.majority);
  return unanimous
    ? { action: 'purify', label: kept.majority, rule: 'unanimous' }
    : { action: 'suspicious', label: kept.majority, rule: 'mixed' };
}
