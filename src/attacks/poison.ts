// Poisons a dataset: chooses samples, stamps the trigger, changes the labels, and keeps the truth. Every sample
// draws a rank from the seed and its id; the smallest ranks are poisoned. So exactly the wanted number is chosen,
// in two passes that keep eight bytes a sample, whatever the order of the samples.

import type { Sample } from '../datasets/sample.ts';
import { ConfigError } from '../errors.ts';
import { RandomStream, randomKey } from '../math/random.ts';
import type { LabelMap } from './label-map.ts';
import type { Trigger } from './trigger.ts';
import type { Truth } from './truth.ts';

export interface Attack {
  readonly trigger: Trigger;
  readonly labels: LabelMap;
}

/** A sample as the attacker leaves it, and what only the attacker knows. */
export interface PoisonedSample {
  readonly sample: Sample;
  readonly truth: Truth;
}

/** Whether a sample is among the chosen. */
export type Selection = (sample: Pick<Sample, 'id' | 'label'>) => boolean;

/**
 * Chooses round(rate · N) samples, where N counts all samples or the eligible ones, as the label map says.
 *
 * @param samples every sample once, in any order; only ids and labels are read
 * @param rate    in [0, 1]
 * @param seed    unsigned 32-bit integer
 * @throws {ConfigError} when there are fewer eligible samples than that
 */
export function selectPoisoned(
  samples: Iterable<Pick<Sample, 'id' | 'label'>>,
  labels: LabelMap,
  rate: number,
  seed: number,
): Selection {
  let total = 0;
  const drawn: number[] = [];
  for (const { id, label } of samples) {
    total++;
    if (labels.eligible(label)) drawn.push(rankOf(seed, id));
  }
  const count = Math.round(rate * (labels.rateOf === 'all' ? total : drawn.length));
  if (count > drawn.length) {
    throw new ConfigError(
      `expected at least ${count} samples that can be poisoned (${rate} of ${total}), found ${drawn.length}; ` +
        'lower attack.rate',
    );
  }
  if (count === 0) return () => false;
  const last = Float64Array.from(drawn).sort()[count - 1]!;
  return ({ id, label }) => labels.eligible(label) && rankOf(seed, id) <= last;
}

/** A training sample as it leaves the attacker's hands: stamped and relabelled when chosen, else untouched. */
export function poison(sample: Sample, { trigger, labels }: Attack, chosen: Selection): PoisonedSample {
  const poisoned = chosen(sample);
  const truth = { id: sample.id, poisoned, trueLabel: sample.label };
  if (!poisoned) return { sample, truth };
  return { sample: { ...sample, pixels: trigger(sample), label: labels.relabel(sample.label) }, truth };
}

/**
 * A test sample for the attack success rate: stamped, with the label that the attacker hopes for. Undefined for
 * samples that show nothing, such as those which already have that label.
 */
export function triggered(sample: Sample, { trigger, labels }: Attack): PoisonedSample | undefined {
  if (!labels.tests(sample.label)) return undefined;
  const stamped = { ...sample, pixels: trigger(sample), label: labels.relabel(sample.label) };
  return { sample: stamped, truth: { id: sample.id, poisoned: true, trueLabel: sample.label } };
}

/** 53 random bits as an integer: ties among the ids of a dataset are out of the question. */
function rankOf(seed: number, id: string): number {
  const random = new RandomStream(randomKey(seed, `poison/${id}`));
  return random.word() * 2 ** 21 + (random.word() >>> 11);
}
