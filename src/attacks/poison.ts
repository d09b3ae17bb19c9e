// Poisons a dataset: chooses samples, stamps the trigger, changes the labels, and keeps the truth. Every sample
// draws a rank from the seed and its id; the smallest ranks are poisoned. So exactly the wanted number is chosen,
// in two passes that keep a few bytes a sample, whatever the order of the samples. Images are stamped in batches,
// because triggers that come out of a network are made many at a time.

import type { Sample } from '../datasets/sample.ts';
import { ConfigError } from '../errors.ts';
import { RandomStream, randomKey } from '../math/random.ts';
import type { LabelMap } from './label-map.ts';
import type { Trigger } from './trigger.ts';
import type { Truth } from './truth.ts';

/**
 * Stamps images: new pixels, uint8 [C, H, W], in the order of the samples. What a sample gets depends on it alone;
 * random numbers are keyed by its id and the seed.
 */
export type Stamp = (samples: readonly Sample[]) => Promise<readonly Uint8Array[]>;

export interface Attack {
  readonly labels: LabelMap;
  /** For training images that are poisoned. */
  readonly train: Stamp;
  /** For test images; some attacks show more of their trigger here than in training. */
  readonly test: Stamp;
  /** Regularisation samples (WaNet's noise mode, for one): `rate` of all are stamped but keep their labels. */
  readonly cover?: { readonly rate: number; readonly stamp: Stamp };
}

/** Stamps one image after the other. */
export function stampOf(trigger: Trigger): Stamp {
  return async (samples) => samples.map(trigger);
}

/** A sample as the attacker leaves it, and what only the attacker knows. */
export interface PoisonedSample {
  readonly sample: Sample;
  readonly truth: Truth;
}

/** What becomes of a sample: stamped and relabelled, only stamped, or neither. */
export type Fate = 'poisoned' | 'cover' | 'untouched';
export type Selection = (sample: Pick<Sample, 'id' | 'label'>) => Fate;

/** Images that are stamped at a time. */
const BATCH = 256;

/**
 * Chooses round(rate · N) samples to poison, where N counts all samples or the eligible ones, as the label map
 * says; then, of the others, round(cover rate · all) as cover.
 *
 * @param samples every sample once, in any order; only ids and labels are read
 * @param rate    in [0, 1]
 * @param seed    unsigned 32-bit integer
 * @throws {ConfigError} when there are fewer samples that can be chosen
 */
export function selectPoisoned(
  samples: Iterable<Pick<Sample, 'id' | 'label'>>,
  { labels, cover }: Pick<Attack, 'labels' | 'cover'>,
  rate: number,
  seed: number,
): Selection {
  const poisonRanks: number[] = [];
  const coverRanks: number[] = [];
  for (const { id, label } of samples) {
    poisonRanks.push(labels.eligible(label) ? rankOf(seed, `poison/${id}`) : Number.POSITIVE_INFINITY);
    if (cover) coverRanks.push(rankOf(seed, `cover/${id}`));
  }
  const total = poisonRanks.length;
  const eligible = poisonRanks.filter(Number.isFinite);
  const count = Math.round(rate * (labels.rateOf === 'all' ? total : eligible.length));
  const lastPoisoned = lowest(eligible, count, `${rate} of ${total} to poison`, 'attack.rate');
  const left = coverRanks.filter((_, i) => poisonRanks[i]! > lastPoisoned);
  const covers = Math.round((cover?.rate ?? 0) * total);
  const lastCover = lowest(left, covers, `${cover?.rate} of ${total} as cover`, 'attack.coverRate');
  return ({ id, label }) => {
    if (labels.eligible(label) && rankOf(seed, `poison/${id}`) <= lastPoisoned) return 'poisoned';
    return covers > 0 && rankOf(seed, `cover/${id}`) <= lastCover ? 'cover' : 'untouched';
  };
}

/** The training set as it leaves the attacker's hands, in its order: chosen samples stamped, the others untouched. */
export async function* poison(
  samples: Iterable<Sample>,
  attack: Attack,
  select: Selection,
): AsyncGenerator<PoisonedSample> {
  for (const batch of batches(samples)) {
    const fates = batch.map(select);
    const of = (fate: Fate) => batch.filter((_, i) => fates[i] === fate);
    const poisoned = (await stamped(attack.train, of('poisoned')))[Symbol.iterator]();
    const covers = (await stamped(attack.cover?.stamp, of('cover')))[Symbol.iterator]();
    for (const [i, sample] of batch.entries()) {
      const { id, label } = sample;
      const truth = { id, poisoned: fates[i] === 'poisoned', trueLabel: label };
      if (fates[i] === 'untouched') yield { sample, truth };
      else if (fates[i] === 'cover')
        yield { sample: { ...sample, pixels: covers.next().value! }, truth: { ...truth, cover: true } };
      else
        yield {
          sample: { ...sample, pixels: poisoned.next().value!, label: attack.labels.relabel(label) },
          truth,
        };
    }
  }
}

/**
 * The test set for the attack success rate: stamped, with the labels that the attacker hopes for. Samples that show
 * nothing, such as those which already have that label, are left out.
 */
export async function* triggered(samples: Iterable<Sample>, attack: Attack): AsyncGenerator<PoisonedSample> {
  for (const batch of batches(samples)) {
    const tests = batch.filter(({ label }) => attack.labels.tests(label));
    const pixels = await stamped(attack.test, tests);
    for (const [i, sample] of tests.entries()) {
      const truth = { id: sample.id, poisoned: true, trueLabel: sample.label };
      yield {
        sample: { ...sample, pixels: pixels[i]!, label: attack.labels.relabel(sample.label) },
        truth,
      };
    }
  }
}

/** Asks for no stamp where there is nothing to stamp. */
async function stamped(stamp: Stamp | undefined, samples: readonly Sample[]): Promise<readonly Uint8Array[]> {
  return stamp === undefined || samples.length === 0 ? [] : stamp(samples);
}

/** The `count`-th lowest rank, below which nothing is chosen where it is 0. */
function lowest(ranks: readonly number[], count: number, wanted: string, option: string): number {
  if (count > ranks.length) {
    throw new ConfigError(
      `expected at least ${count} samples that can be chosen (${wanted}), found ${ranks.length}; lower ${option}`,
    );
  }
  return count === 0 ? -1 : Float64Array.from(ranks).sort()[count - 1]!;
}

function* batches(samples: Iterable<Sample>): Generator<Sample[]> {
  let batch: Sample[] = [];
  for (const sample of samples) {
    batch.push(sample);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** 53 random bits as an integer: ties among the ids of a dataset are out of the question. */
function rankOf(seed: number, id: string): number {
  const random = new RandomStream(randomKey(seed, id));
  return random.word() * 2 ** 21 + (random.word() >>> 11);
}
