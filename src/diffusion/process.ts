// A plan worked out into numbers: what the sampler multiplies with, step by step. Fewer steps than depth are a
// respaced schedule, as in guided-diffusion, so the sampler never knows how many steps were left out.

import { ConfigError } from '../errors.ts';
import type { ReverseFactors } from '../math/kernels.ts';
import { posteriorVariances, respacedSchedule, type Schedule } from '../math/schedule.ts';
import type { DiffusionPlan } from './plan.ts';
import { estimateFactors, type PredictionKind } from './prediction.ts';

/**
 * One reverse step: x̂₀ = xToEstimate·x + predictedToEstimate·p, limited to [−1, 1] as in the reference; then
 * x ← estimateToX·x̂₀ + xToX·x + sigma·z, where p is the network's prediction and z standard normal
 * (Ho et al. 2020, eqs. 7, 11 and 15).
 */
export interface ReverseStep extends ReverseFactors {
  /** Schedule index that the network is told. */
  readonly timestep: number;
}

/** What the sampler does. Steps come in order of time: noisiest first. */
export interface DiffusionProcess {
  readonly rounds: number;
  readonly keep: number;
  /** ᾱ of the forward jump. */
  readonly jumpAlphaBar: number;
  readonly steps: readonly ReverseStep[];
  /** Keep the estimates x̂₀ instead of the states x. */
  readonly estimates: boolean;
}

/**
 * Works out a plan. As in the reference, the forward jump goes to schedule index `depth` and the first reverse
 * step stands at `depth − 1`.
 *
 * @param predicts what the network says of a noisy image
 * @throws {ConfigError} when the plan does not fit the schedule or itself
 */
export function diffusionProcess(
  plan: DiffusionPlan,
  schedule: Schedule,
  predicts: PredictionKind = 'epsilon',
): DiffusionProcess {
  checkPlan(plan, schedule.betas.length);
  const timesteps = evenTimesteps(plan.depth, plan.steps);
  if (predicts === 'epsilon') checkNoiseSays(plan, schedule);
  const respaced = respacedSchedule(schedule, timesteps);
  const posterior = posteriorVariances(respaced);
  const steps = timesteps.map((timestep, k): ReverseStep => {
    const beta = respaced.betas[k]!;
    const alphaBar = respaced.alphaBars[k]!;
    const alphaBarBefore = k === 0 ? 1 : respaced.alphaBars[k - 1]!;
    const variance = k === 0 ? 0 : plan.variance === 'fixed-large' ? beta : posterior[k]!;
    return {
      timestep,
      ...estimateFactors(predicts, alphaBar),
      estimateToX: (Math.sqrt(alphaBarBefore) * beta) / (1 - alphaBar),
      xToX: (Math.sqrt(1 - beta) * (1 - alphaBarBefore)) / (1 - alphaBar),
      sigma: Math.sqrt(variance),
    };
  });
  return {
    rounds: plan.rounds,
    keep: plan.keep,
    jumpAlphaBar: schedule.alphaBars[Math.min(plan.depth, schedule.alphaBars.length - 1)]!,
    steps: steps.reverse(),
    estimates: plan.kept === 'estimate',
  };
}

/** `steps` indices spread evenly over [0, depth), ascending; both ends are among them when there are two or more. */
export function evenTimesteps(depth: number, steps: number): number[] {
  if (steps === 1) return [depth - 1];
  return Array.from({ length: steps }, (_, k) => Math.round((k * (depth - 1)) / (steps - 1)));
}

/** The first reverse step stands at `depth − 1`, and later ones keep more of the image. */
function checkNoiseSays({ depth }: DiffusionPlan, { alphaBars }: Schedule): void {
  if (alphaBars[depth - 1]! > 0) return;
  throw new ConfigError(
    `diffusion.depth: expected at most ${alphaBars.indexOf(0)}, found ${depth}, where the denoiser's schedule leaves nothing of an ` +
      'image and the noise in it says nothing; lower it, or set denoiser.prediction if it predicts something else',
  );
}

function checkPlan({ depth, rounds, steps, keep }: DiffusionPlan, length: number): void {
  const rules: readonly [string, number, number, number][] = [
    ['depth', depth, 1, length],
    ['rounds', rounds, 1, Number.MAX_SAFE_INTEGER],
    ['steps', steps, 1, depth],
    ['keep', keep, 1, steps],
  ];
  for (const [name, value, least, most] of rules) {
    if (!Number.isInteger(value) || value < least || value > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `in [${least}, ${most}]`;
      throw new ConfigError(
        `expected diffusion ${name} ${range}, found ${value}; correct the purification's options`,
      );
    }
  }
}
