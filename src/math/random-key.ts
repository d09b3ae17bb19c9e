// Who draws random numbers. Both the compiled kernels and the numbers made without them go by it.

/** Who draws: the run's seed and 64 bits of an id's hash. Made once for a sample, used for all its rounds and steps. */
export interface RandomKey {
  readonly seed: number;
  readonly high: number;
  readonly low: number;
}
