// Other stamps of the same class, to tell a trigger from what the class looks like. A class whose images are all alike
// (one traffic sign, one garment) has a mean residual that is the class itself, and laid on strongly enough that turns
// images, too. So some of the class's samples are sorted by how strongly what purification removes from them answers to
// the class's own stamp. Those that answer most make a replica, which must work as well; those that answer least make
// placebos. Where a trigger is what works, these have none; where the class is what works, all its samples have it.
// Sorting and judging must not share their noise: each half of the samples is sorted by the stamp of the other half.

import type { Residuals } from '../evidence/residuals.ts';
import type { Scored } from '../evidence/score-sample.ts';
import type { Stamp } from './stamp.ts';

/** A sample and the label that its purified images show. */
export interface Named {
  readonly of: Scored;
  readonly name: number;
}

/** A sample of the class, purified again. */
export interface Purified extends Named {
  /** uint8 [C, H, W] each. */
  readonly raw: Uint8Array;
  readonly purified: Uint8Array;
}

/** Shares of the samples that make the replica, and the placebos. */
const STRONGEST = 0.25;
const WEAKEST = [0.25, 0.5];

/** Samples from which on a half has a stamp of its own. */
const FEWEST_MOVED = 10;

/** Fewest samples that can be sorted. */
export const FEWEST_SORTED = 20;

/** Stamps of the same class, as strong as the one that they are held against and in its place. */
export interface Controls {
  readonly replica: Stamp;
  readonly placebos: readonly Stamp[];
}

/** Samples of a class by how strongly they answer to its stamp. */
export interface Ranked {
  /** Each half by rising answer to the stamp of the other half. */
  readonly halves: readonly (readonly Purified[])[];
  /** float64 [C × H × W]: mean of raw − purified over all other classes. */
  readonly usual: Float64Array;
}

/**
 * @param residuals of the whole dataset
 * @param samples   of the stamp's class, in random order
 */
export function ranked(stamp: Stamp, residuals: Residuals, samples: readonly Purified[]): Ranked {
  const usual = residuals.allExcept([stamp.label]);
  const mean = usual.sums.map((sum) => sum / usual.count);
  // never below that of the rounding to whole pixel values
  const precision = usual.squares.map((square, i) => 1 / Math.max(square / usual.count - mean[i]! ** 2, 1));
  const halves = [0, 1].map((half) => samples.filter((_, n) => n % 2 === half));
  const templates = halves.map((half) => {
    const moved = half.filter(({ name }) => name !== stamp.label);
    return averageResidual(stamp.from !== 'all' && moved.length >= FEWEST_MOVED ? moved : half, mean);
  });
  const sorted = halves.map((half, h) => {
    const weights = templates[1 - h]!.map((value, i) => value * precision[i]!);
    const answers = new Map(half.map((one) => [one, answerOf(one, weights)]));
    return half.toSorted((a, b) => answers.get(a)! - answers.get(b)!);
  });
  return { halves: sorted, usual: mean };
}

export function controlsOf(stamp: Stamp, all: Ranked): Controls {
  const stampOf = (some: readonly Purified[]) => asStrongAs(stamp, averageResidual(some, all.usual));
  return {
    replica: stampOf(strongest(all, STRONGEST)),
    placebos: WEAKEST.map((share) => stampOf(weakest(all, share))),
  };
}

/** The share of the samples that answers most. */
export function strongest({ halves }: Ranked, share: number): readonly Purified[] {
  return halves.flatMap((half) => half.slice(-Math.ceil(share * half.length)));
}

/** The share of the samples that answers least. */
export function weakest({ halves }: Ranked, share: number): readonly Purified[] {
  return halves.flatMap((half) => half.slice(0, Math.ceil(share * half.length)));
}

/** A pattern in the place of a stamp, and as strong. @param pattern float32 [C × H × W] */
export function asStrongAs(stamp: Stamp, pattern: Float32Array): Stamp {
  const place = pattern.map((value, i) => (stamp.pattern[i] === 0 ? 0 : value));
  const strength = energyOf(stamp.pattern) / (energyOf(place) || 1);
  return { ...stamp, pattern: place.map((value) => strength * value) };
}

/** float32 [C × H × W]: mean of raw − purified, less the usual. */
function averageResidual(samples: readonly Purified[], usual: Float64Array): Float32Array {
  const sums = new Float64Array(usual.length);
  for (const { raw, purified } of samples) {
    for (let i = 0; i < sums.length; i++) sums[i]! += raw[i]! - purified[i]!;
  }
  return Float32Array.from(sums, (sum, i) => sum / samples.length - usual[i]!);
}

/** What was removed from a sample, along the weights. */
function answerOf({ raw, purified }: Purified, weights: ArrayLike<number>): number {
  let answer = 0;
  for (let i = 0; i < raw.length; i++) answer += (raw[i]! - purified[i]!) * weights[i]!;
  return answer;
}

function energyOf(pattern: Float32Array): number {
  return Math.sqrt(pattern.reduce((sum, value) => sum + value * value, 0));
}
