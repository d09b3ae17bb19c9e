// Datasets in which every class is clean, drawn as transition records: what a detector has to bear without accusing
// anybody. Classes differ in size by a factor of ten and in brittleness from none to four samples in five; they are
// confused in pairs, some pairs much more than others, and everything drifts towards a few classes, as images do that
// an under-trained denoiser washes out.

import { fillNormal, fillUniform, RandomStream, randomKey } from '../../src/math/random.ts';
import type { TransitionRecord } from '../../src/ports/records.ts';

const SEED = 1;
const ROUNDS = 5;
/** Samples of a class. */
const SIZES = { least: 20, most: 200 };
/** Share of a class's samples that ever flip, of the most brittle class. */
const MOST_BRITTLE = 0.8;
/** Standard deviations of the logarithms of what draws two classes together, and of what draws all to one. */
const AFFINITY = 1.5;
const DRIFT = 0.5;
/** Chance of a flipped sample to be seen as its own class in a later round again, and to be mistaken when raw. */
const RETURNS = 0.2;
const MISTAKEN = 0.3;

/** The traits of one dataset. */
interface Traits {
  readonly classes: number;
  /** Samples a class. */
  readonly sizes: readonly number[];
  /** Chance of a class's samples to flip. */
  readonly brittleness: readonly number[];
  /** [C, C] running sums of a row: where a class's flipped samples go; the last of a row is its total. */
  readonly destinations: Float64Array;
}

/** Records of a drawn dataset; each `draw` is another one. */
export function* simulated(classes: number, draw: number): Generator<TransitionRecord> {
  const traits = traitsOf(classes, draw);
  const random = new RandomStream(randomKey(SEED, 'simulation: samples'), draw);
  for (const [label, size] of traits.sizes.entries()) {
    const steady = steadyRecord(label);
    for (let i = 0; i < size; i++) {
      yield random.uniform() < traits.brittleness[label]! ? flippedRecord(label, traits, random) : steady;
    }
  }
}

function traitsOf(classes: number, draw: number): Traits {
  const key = randomKey(SEED, 'simulation: classes');
  const uniforms = new Float32Array(2 * classes);
  fillUniform(uniforms, key, draw, 0);
  const normals = new Float32Array(classes * classes);
  fillNormal(normals, key, draw, 1);
  const destinations = new Float64Array(classes * classes);
  for (let label = 0; label < classes; label++) {
    let sum = 0;
    for (let other = 0; other < classes; other++) {
      // above the diagonal: the affinity of the pair; on it: the drift towards a class
      const pair = normals[Math.min(label, other) * classes + Math.max(label, other)]!;
      const drift = normals[other * (classes + 1)]!;
      if (other !== label) sum += Math.exp(AFFINITY * pair + DRIFT * drift);
      destinations[label * classes + other] = sum;
    }
  }
  const { least, most } = SIZES;
  return {
    classes,
    sizes: Array.from({ length: classes }, (_, i) => Math.round(least * (most / least) ** uniforms[i]!)),
    // squared: most classes are steady, few are brittle
    brittleness: Array.from({ length: classes }, (_, i) => MOST_BRITTLE * uniforms[classes + i]! ** 2),
    destinations,
  };
}

/** A sample that stays what it is. */
function steadyRecord(label: number): TransitionRecord {
  return { id: '', label, raw: label, labels: Array.from({ length: ROUNDS }, () => [label]) };
}

/** A sample that leaves its class in some round, mostly for good. */
function flippedRecord(label: number, traits: Traits, random: RandomStream): TransitionRecord {
  const other = destinationOf(label, traits, random);
  const first = random.integer(ROUNDS);
  const raw = random.uniform() < MISTAKEN ? other : label;
  const labels = Array.from({ length: ROUNDS }, (_, round) => [
    round >= first && random.uniform() >= RETURNS ? other : label,
  ]);
  return { id: '', label, raw, labels };
}

/** Draws where a sample goes, by bisection of the running sums. */
function destinationOf(label: number, { classes, destinations }: Traits, random: RandomStream): number {
  const row = label * classes;
  const at = random.uniform() * destinations[row + classes - 1]!;
  let [low, high] = [0, classes - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (destinations[row + middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
