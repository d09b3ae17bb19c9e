// Which samples of a flagged class carry its trigger, as far as anybody can tell. A trigger of small extent is looked for
// in its place. Where it is everywhere and some samples are known to be poison, a network learns to tell them from honest
// images of other classes and from what stayed in the class: what they have in common is the trigger alone. Where it
// cannot, or labels are right and nothing is known to be poison, a matched filter is tried on what purification removes.
// Each is believed only if it finds known poison and clears honest images.

import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import type { CarrierTest } from '../../src/defense/knowledge.ts';
import { carrierThreshold, MatchedFilter } from '../../src/defense/matched-filter.ts';
import type { Naming } from '../../src/defense/naming.ts';
import { addWeighted, honestWeights, withoutOverlay } from '../../src/defense/overlaid.ts';
import type { Residuals } from '../../src/defense/residuals.ts';
import type { Scored, ScoreSample } from '../../src/defense/score-sample.ts';
import { type Trigger, triggerResponse } from '../../src/defense/trigger.ts';
import type { Outcome } from '../../src/errors.ts';
import { median } from '../../src/math/robust.ts';
import type { CarrierLearner, Runner } from '../runner.ts';
import { ask, isPlaced, mapped } from './ask.ts';

/** Samples of each kind that a network learns from at most, and known poison without which it does not try. */
const EXAMPLES = 2000;
const FEWEST_EXAMPLES = 40;

/** Share of the poison that must leave the label for its trigger to be gone. */
const MOST_LEAVE = 0.7;

/** Samples of each kind that are purified again to set the threshold of a matched filter. */
const FILTER_IMAGES = 250;

export interface CarrierParts {
  readonly store: SampleStore;
  readonly runner: Runner;
  readonly learner: CarrierLearner;
  readonly residuals: Residuals;
  /** Images a call of the runner. */
  readonly batch: number;
}

/** A flagged label among all flagged ones, and what samples are named. */
export interface Accused {
  readonly label: number;
  readonly targets: readonly number[];
  readonly naming: Naming;
  readonly scores: ScoreSample;
}

/** How carriers of the label's trigger are told; undefined where nobody can tell. */
export async function carrierTest(accused: Accused, parts: CarrierParts): Promise<CarrierTest | undefined> {
  return (await learnedTest(accused, parts)) ?? filterTest(accused, parts);
}

/** The known poison of the label, by rising hash. */
export function knownPoison({ label, naming, scores }: Accused, most: number): readonly Scored[] {
  return scores.take(
    most,
    (scored) =>
      scored.label === label && naming.nameOf(scored.scores) !== label && naming.isSure(label, scored.scores),
  );
}

/** The same for a local trigger, which can be looked for where it stands. */
export async function localTest(
  accused: Accused,
  trigger: Trigger,
  parts: CarrierParts,
): Promise<CarrierTest | undefined> {
  const measure: Measure = async (images) => ({
    ok: true,
    value: images.map(({ pixels, shape }) => triggerResponse(pixels, trigger, shape)),
  });
  const poison = await measured(knownPoison(accused, EXAMPLES), measure, parts);
  const honest = await measured(others(accused, EXAMPLES), measure, parts);
  const threshold = carrierThreshold(honest, poison, []);
  // patches are opaque, and honest images far below them: half-way is safer than the edge of the honest
  return threshold === undefined ? undefined : testOf(measure, Math.max(threshold, median(poison) / 2));
}

async function learnedTest(accused: Accused, parts: CarrierParts): Promise<CarrierTest | undefined> {
  const { label, naming, scores } = accused;
  const isHome = (scored: Scored) => naming.nameOf(scored.scores) === scored.label;
  const stays = (scored: Scored) => scored.label === label && isHome(scored);
  const poison = knownPoison(accused, EXAMPLES).filter(isPlaced);
  const honest = others(accused, EXAMPLES, isHome).filter(isPlaced);
  if (Math.min(poison.length, honest.length) < FEWEST_EXAMPLES) return undefined;
  const stayed = scores.take(EXAMPLES, stays).filter(isPlaced);
  const measure = await parts.learner.learn(parts.store, poison, [...stayed, ...honest]);
  const threshold = carrierThreshold(
    await measured(honest, measure, parts),
    await measured(poison, measure, parts),
    [],
  );
  return threshold === undefined ? undefined : testOf(measure, threshold);
}

/** Purifies honest samples and samples of the label again, to see whether a matched filter tells them apart. */
async function filterTest(accused: Accused, parts: CarrierParts): Promise<CarrierTest | undefined> {
  const { label, targets, scores } = accused;
  const honest = others(accused, FILTER_IMAGES);
  if (honest.length === 0) return undefined;
  const filter = new MatchedFilter(parts.residuals, label, targets);
  const measure: Measure = (images) => responses(images, filter, parts.runner);
  const threshold = carrierThreshold(
    await measured(honest, measure, parts),
    await measured(knownPoison(accused, FILTER_IMAGES), measure, parts),
    await measured(
      scores.take(FILTER_IMAGES, (scored) => scored.label === label),
      measure,
      parts,
    ),
  );
  return threshold === undefined ? undefined : testOf(measure, threshold);
}

/**
 * The trigger of the label where it is laid over whole images, the same on each; undefined where it is not. Every other
 * sample of those that surely are poison tells whether the attack ends without what the rest have in common.
 */
export async function overlayOf(accused: Accused, parts: CarrierParts): Promise<Float32Array | undefined> {
  const { label, naming } = accused;
  const poison = knownPoison(accused, EXAMPLES).filter(isPlaced);
  if (poison.length < FEWEST_EXAMPLES) return undefined;
  const isHome = (scored: Scored) => naming.nameOf(scored.scores) === scored.label;
  const honest = others(accused, EXAMPLES, isHome).filter(isPlaced);
  const [some, held] = [0, 1].map((part) => poison.filter((_, i) => i % 2 === part)) as [Scored[], Scored[]];
  const first = await differenceOf(some, honest, naming, parts);
  if (!first) return undefined;
  const answers = await ask(held, parts, async (images) => {
    const without = images.map((image) => ({ ...image, pixels: withoutOverlay(image.pixels, first) }));
    return mapped(await parts.runner.classify(without), (seen) => seen.label);
  });
  const seen = answers.map(({ answer }) => answer);
  return mostLeave(label, seen) ? differenceOf(poison, honest, naming, parts) : undefined;
}

/** Mean of the raw images of poison less that of honest ones of the same names: float32 [C, H, W]. */
async function differenceOf(
  poison: readonly Scored[],
  honest: readonly Scored[],
  naming: Naming,
  parts: CarrierParts,
): Promise<Float32Array | undefined> {
  const nameOf = ({ scores }: Scored) => naming.nameOf(scores);
  const weights = honestWeights(poison.map(nameOf), honest.map(nameOf));
  if (!weights) return undefined;
  const [channels, height, width] = parts.store.shape;
  const sum = new Float64Array(channels * height * width);
  const add = (samples: readonly Scored[], weightOf: (scored: Scored) => number) => {
    const byId = new Map(samples.map((scored) => [scored.id, weightOf(scored)]));
    return ask(samples, parts, async (images) => ({
      ok: true,
      value: images.map(({ id, pixels }) => addWeighted(sum, pixels, byId.get(id)!)),
    }));
  };
  await add(poison, () => 1 / poison.length);
  await add(
    honest.filter((scored) => weights.has(nameOf(scored))),
    (scored) => -weights.get(nameOf(scored))!,
  );
  return Float32Array.from(sum);
}

/** Whether the observer calls most of some poison anything but its label, now that its trigger should be gone. */
export function mostLeave(label: number, seen: readonly number[]): boolean {
  return seen.length > 0 && seen.filter((one) => one !== label).length >= MOST_LEAVE * seen.length;
}

/** Samples of labels that are not flagged. */
function others(
  { targets, scores }: Accused,
  most: number,
  test: (scored: Scored) => boolean = () => true,
): readonly Scored[] {
  return scores.take(most, (scored) => !targets.includes(scored.label) && test(scored));
}

/** How much each of some raw images looks like a carrier. */
type Measure = (raw: readonly Sample[]) => Promise<Outcome<readonly number[]>>;

async function measured(
  samples: readonly Scored[],
  measure: Measure,
  parts: CarrierParts,
): Promise<readonly number[]> {
  return (await ask(samples, parts, measure)).map(({ answer }) => answer);
}

function testOf(measure: Measure, threshold: number): CarrierTest {
  return async (raw) => mapped(await measure(raw), (value) => value > threshold);
}

/** Purifies samples again, as a whole, and asks the filter. */
async function responses(
  samples: readonly Sample[],
  filter: MatchedFilter,
  runner: Runner,
): Promise<Outcome<readonly number[]>> {
  const restored = await runner.restore(samples.map((sample) => ({ sample, mask: undefined })));
  return mapped(restored, ({ pixels }, i) => filter.response(samples[i]!.pixels, pixels));
}
