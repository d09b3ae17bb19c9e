// How far the observer agrees with the labels that came with the samples. An observer that always says the same, or
// guesses, has nothing to say of poison: whatever it calls home is called home by chance.

import type { ScoreTable } from '../evidence/score-sample.ts';

/** Agreement of an observer with given labels, on raw images. */
export interface Agreement {
  /** Share of the samples that it calls by the given label. */
  readonly share: number;
  /** The share that would agree if its labels were dealt out anew among the samples. */
  readonly chance: number;
}

/** Cohen's kappa below which an observer counts as guessing: so much of what chance leaves over must agree. */
const LEAST_KAPPA = 0.1;

/** Undefined where there are no samples. */
export function agreementOf({ labels, raws }: Pick<ScoreTable, 'labels' | 'raws'>): Agreement | undefined {
  const count = labels.length;
  if (count === 0) return undefined;
  const [given, seen] = [new Map<number, number>(), new Map<number, number>()];
  let agreeing = 0;
  labels.forEach((label, n) => {
    const raw = raws[n]!;
    given.set(label, (given.get(label) ?? 0) + 1);
    seen.set(raw, (seen.get(raw) ?? 0) + 1);
    if (raw === label) agreeing += 1;
  });
  let chance = 0;
  for (const [label, samples] of given) chance += (samples / count) * ((seen.get(label) ?? 0) / count);
  return { share: agreeing / count, chance };
}

/** Whether it is near chance (Cohen 1960); never where there is one class alone, of which nothing can be told. */
export function isAtChance({ share, chance }: Agreement): boolean {
  return chance < 1 && (share - chance) / (1 - chance) < LEAST_KAPPA;
}
