// Whether a stamp that works is a trigger or what its class looks like: it is held against other stamps of the same
// class, and against an observer that never learned the samples that show it most. A trigger works with the samples
// that show it and not with the others, and not on that observer.

import { areStrangers, logPOfAgreement, type Renamed } from './refit.ts';
import { HONEST_RATE, logPOf, permutationOf, type StampTrial, tableOf } from './stamp-trial.ts';

/**
 * A class whose images are all alike is told by its look. So many times as many images must obey a stamp as obey its
 * controls.
 */
const BEYOND_CONTROLS = 2.5;

/** What is left of a suspicion beside the controls. */
export interface Held {
  /** Shares of the images that obeyed its replica and the best placebo, where it was held against them. */
  readonly replica?: number;
  readonly placebo?: number;
  /** Share that obeyed it with an observer that never learned the suspects, and what that observer calls these. */
  readonly refit?: number;
  readonly renamed?: Renamed;
  /** Whether even the samples that show it least teach it: all of the class has it, as a watermark or a look. */
  readonly inAll?: true;
  /** ln of the p-value, corrected for the number of stamps and of ways to obey. */
  readonly logP: number;
}

/** How far a stamp worked without controls. */
interface Worked {
  /** Images that obeyed it, of so many. */
  readonly hits: number;
  readonly images: number;
  /** Share that an honest stamp might reach. */
  readonly rate: number;
  /** Stamps that were tried. */
  readonly stamps: number;
}

/**
 * For a stamp that turns images into its class. Without another observer nobody can tell. With it the stamp must work
 * on the first one far better; suspects that it calls something else must be called the same when they are purified;
 * and where it knows them as the class, as with clean-label poison, stamp and replica must be obeyed far more often
 * than the placebos.
 */
export function heldAgainst(trial: StampTrial, worked: Worked): Held {
  const { stamp, before, controls } = trial;
  if (!controls) return { logP: 0 };
  const shareOf = (after: ArrayLike<number>) => tableOf(before, after).share(stamp.label);
  const { replica, placebo, sure } = besides(controls, worked, shareOf);
  if (!controls.refit) return { replica, placebo, logP: 0 };
  const refit = shareOf(controls.refit.after);
  const { renamed, others, leaving } = controls.refit;
  const told = { replica, placebo, refit, renamed };
  const byPlacebo = logPBeyond(Math.max(refit, placebo), sure);
  if (areStrangers([renamed])) {
    const byName = Math.max(logPBeyond(refit, worked), logPOfAgreement(renamed, others));
    if (!areStrangers(others)) return { ...told, logP: byName };
    // so few samples do not teach it any class: names need not agree where the placebos do nothing
    return { ...told, logP: Math.min(0, Math.min(byName, byPlacebo) + Math.LN2) };
  }
  const works = worked.hits >= BEYOND_CONTROLS * Math.min(refit, placebo) * worked.images;
  const inAll = !works && !areStrangers([leaving]);
  return { ...told, logP: byPlacebo, ...(inAll && { inAll }) };
}

/**
 * For a stamp that turns each class into another one. All other classes teach the trigger, too, so that another
 * observer says nothing: the replica must work, and placebos must not.
 */
export function eachHeld({ before, controls }: StampTrial, hits: number, stamps: number): Held {
  if (!controls) return { logP: 0 };
  const worked = { hits, images: before.length, rate: HONEST_RATE, stamps };
  const shareOf = (after: ArrayLike<number>) => permutationOf(tableOf(before, after)).hits / before.length;
  const { replica, placebo, sure } = besides(controls, worked, shareOf);
  return { replica, placebo, logP: logPBeyond(placebo, sure) };
}

/** ln of the p-value of a stamp that was told from its class's own look. @param control share that obeys its controls */
export function logPBeyond(control: number, { hits, images, rate, stamps }: Worked): number {
  return logPOf(hits, images, Math.max(rate, BEYOND_CONTROLS * control), stamps);
}

/** Shares that obey the replica and the best placebo, and what is sure: no more obey a trigger than its replica. */
function besides(
  { replica, placebos }: NonNullable<StampTrial['controls']>,
  worked: Worked,
  shareOf: (after: ArrayLike<number>) => number,
) {
  const again = shareOf(replica);
  const hits = Math.min(worked.hits, Math.round(again * worked.images));
  return { replica: again, placebo: Math.max(...placebos.map(shareOf)), sure: { ...worked, hits } };
}
