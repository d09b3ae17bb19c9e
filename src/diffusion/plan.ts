// What one purification does, as data: how deep the forward jump goes, how often, in how many steps it comes
// back and which images are kept. Presets name one of these; workers receive it with every batch.

/** Variance of a reverse step (Ho et al. 2020, section 3.2): β_t (fixed-large) or the posterior's β̃_t (fixed-small). */
export type VarianceType = 'fixed-large' | 'fixed-small';

/** Which images of a round become candidates: the chain's own states x_t, or the network's estimates of x₀ on the way. */
export type KeepKind = 'state' | 'estimate';

export interface DiffusionPlan {
  /** Schedule steps that the forward jump climbs (T of the paper), in [1, 1000]. */
  readonly depth: number;
  /** Rounds of jump and return (n of the paper), at least 1. */
  readonly rounds: number;
  /** Network calls a round, in [1, depth]; fewer than `depth` means a respaced chain. */
  readonly steps: number;
  /** Candidates kept from the end of each round (m of the paper), in [1, steps]. */
  readonly keep: number;
  readonly kept: KeepKind;
  readonly variance: VarianceType;
  /** Key of all random numbers, an unsigned 32-bit integer. */
  readonly seed: number;
}
