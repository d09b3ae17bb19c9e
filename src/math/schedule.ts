// How much noise a diffusion has added after each step, in float64 (Ho et al. 2020, "Denoising diffusion
// probabilistic models", section 2). Indices follow guided-diffusion: 0 means one step of noise.

import { ConfigError } from '../errors.ts';

/** Kinds of schedules, under the names that diffusers gives them. */
export const SCHEDULE_KINDS = ['linear', 'scaled_linear', 'squaredcos_cap_v2'] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** How a schedule is made. */
export interface NoiseSchedule {
  /** Number of steps. */
  readonly length: number;
  /** First and last β, of kinds that have them. */
  readonly first: number;
  readonly last: number;
  /** Linear where left out. */
  readonly kind?: ScheduleKind;
  /** Whether it is stretched until the last step leaves nothing of the image. */
  readonly zeroSnr?: true;
  /** All βs, in the place of what makes them. */
  readonly betas?: readonly number[];
}

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

/**
 * Makes a schedule of any kind.
 *
 * @throws {ConfigError} as `linearSchedule`
 */
export function scheduleFrom(made: NoiseSchedule): Schedule {
  const schedule = made.betas ? scheduleOf(Float64Array.from(made.betas)) : scheduleOfKind(made);
  return made.zeroSnr ? withZeroSnr(schedule) : schedule;
}

function scheduleOfKind({ kind = 'linear', length, first, last }: NoiseSchedule): Schedule {
  switch (kind) {
    case 'linear':
      return linearSchedule(length, first, last);
    case 'scaled_linear':
      return scheduleOf(linearSchedule(length, Math.sqrt(first), Math.sqrt(last)).betas.map((b) => b * b));
    case 'squaredcos_cap_v2':
      return cosineSchedule(length);
  }
}

/** @see Nichol and Dhariwal 2021, "Improved denoising diffusion probabilistic models", eq. 17 */
function cosineSchedule(length: number): Schedule {
  const left = (t: number) => Math.cos(((t / length + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  const betas = new Float64Array(length);
  for (let t = 0; t < length; t++) betas[t] = Math.min(1 - left(t + 1) / left(t), 0.999);
  return scheduleOf(betas);
}

/**
 * Stretches √ᾱ so that it ends at 0 and begins where it did.
 *
 * @see Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed", algorithm 1
 */
function withZeroSnr({ alphaBars }: Schedule): Schedule {
  const [first, last] = [Math.sqrt(alphaBars[0]!), Math.sqrt(alphaBars.at(-1)!)];
  const stretched = alphaBars.map(
    (alphaBar) => (((Math.sqrt(alphaBar) - last) * first) / (first - last)) ** 2,
  );
  const betas = stretched.map((alphaBar, t) => 1 - alphaBar / (t === 0 ? 1 : stretched[t - 1]!));
  return { betas, alphaBars: stretched };
}

/** The schedule that given βs make. */
function scheduleOf(betas: Float64Array): Schedule {
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
