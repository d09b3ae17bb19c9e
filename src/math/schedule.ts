// How much noise a diffusion has added after each step, in float64 (Ho et al. 2020, "Denoising diffusion
// probabilistic models", section 2). Indices follow guided-diffusion: 0 means one step of noise.

import { ConfigError } from '../errors.ts';

/** β_t and ᾱ_t = Π_{s≤t} (1−β_s) for every schedule index t. */
export interface Schedule {
  readonly betas: Float64Array;
  readonly alphaBars: Float64Array;
}

/**
 * β rising linearly from `first` to `last`, both included; the defaults are the reference's.
 *
 * @param length number of schedule steps, at least 1
 * @throws {ConfigError} when the βs are not ordered inside (0, 1)
 */
export function linearSchedule(length = 1000, first = 1e-4, last = 0.02): Schedule {
  if (!(first > 0 && first <= last && last < 1 && length >= 1)) {
    throw new ConfigError(
      `expected a noise schedule with 0 < first ≤ last < 1 and at least one step, found first ${first}, last ${last}, ` +
        `${length} steps; set the βs that the denoiser was trained with`,
    );
  }
  const gap = length > 1 ? (last - first) / (length - 1) : 0;
  // loops, because workers make it for every batch
  const betas = new Float64Array(length);
  for (let t = 0; t < length; t++) betas[t] = first + gap * t;
  return scheduleOf(betas);
}

/** The schedule that given βs make. */
export function scheduleOf(betas: Float64Array): Schedule {
  const alphaBars = new Float64Array(betas.length);
  let product = 1;
  for (let t = 0; t < betas.length; t++) {
    product *= 1 - betas[t]!;
    alphaBars[t] = product;
  }
  return { betas, alphaBars };
}

/**
 * The shorter schedule that passes through the same ᾱ at the chosen indices: β′_k = 1 − ᾱ_{t_k} / ᾱ_{t_{k−1}}.
 *
 * @param timesteps ascending indices of `schedule`
 * @see Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic models", section 4
 */
export function respacedSchedule(schedule: Schedule, timesteps: readonly number[]): Schedule {
  let previous = 1;
  const betas = timesteps.map((t) => {
    const alphaBar = schedule.alphaBars[t]!;
    const beta = 1 - alphaBar / previous;
    previous = alphaBar;
    return beta;
  });
  return scheduleOf(Float64Array.from(betas));
}

/** β̃_t, variance of q(x_{t−1} | x_t, x_0); 0 at index 0 (Ho et al. 2020, eq. 7). */
export function posteriorVariances({ betas, alphaBars }: Schedule): Float64Array {
  return betas.map((beta, t) => (t === 0 ? 0 : (beta * (1 - alphaBars[t - 1]!)) / (1 - alphaBars[t]!)));
}
