// Which samples of a flagged class carry its trigger, as far as anybody can tell. Where some are known to be poison, a
// network learns to tell them from honest images of other classes and from what stayed in the class: what they have in
// common is the trigger alone. Where it cannot, or labels are right and nothing is known to be poison, a matched filter
// is tried on what purification removes; a trigger of small extent is looked for in its place. Each is believed only if it finds the known poison and clears honest images
// that it did not learn.

import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import type { CarrierTest } from '../../src/defense/knowledge.ts';
import { carrierThreshold, MatchedFilter } from '../../src/defense/matched-filter.ts';
import type { Naming } from '../../src/defense/naming.ts';
import type { Residuals } from '../../src/defense/residuals.ts';
import type { Scored, ScoreSample } from '../../src/defense/score-sample.ts';
import { type Trigger, triggerResponse } from '../../src/defense/trigger.ts';
import type { Outcome } from '../../src/errors.ts';
import { median } from '../../src/math/robust.ts';
import type { CarrierLearner, Runner } from '../runner.ts';
import { type Answer, ask, isPlaced } from './ask.ts';

/** Samples of each kind that a network learns from at most, and known poison without which it does not try. */
const EXAMPLES = 2000;
const FEWEST_EXAMPLES = 40;

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

/** What is asked of: a flagged label among all flagged ones, and what samples are named. */
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

/** Whether a sample's name can be relied on, and is not its label. */
export function isSurelyPoison({ label, scores }: Scored, naming: Naming): boolean {
  return naming.nameOf(scores) !== label && naming.isSure(label, scores);
}

/** The same for a local trigger, which can be looked for where it stands. */
export async function localTest(
  { label, targets, naming, scores }: Accused,
  trigger: Trigger,
  parts: CarrierParts,
): Promise<CarrierTest | undefined> {
  const measure = async (images: readonly Sample[]): Promise<Outcome<readonly number[]>> => ({
    ok: true,
    value: images.map(({ pixels, shape }) => triggerResponse(pixels, trigger, shape)),
  });
  const measured = async (test: (scored: Scored) => boolean) =>
    answersOf(await ask(scores.take(EXAMPLES, test), parts, measure));
  const poison = await measured((scored) => scored.label === label && isSurelyPoison(scored, naming));
  const honest = await measured((scored) => !targets.includes(scored.label));
  const threshold = carrierThreshold(honest, poison, []);
  // patches are opaque, and honest images far below them: half-way is safer than the edge of the honest
  return threshold === undefined ? undefined : testOf(measure, Math.max(threshold, median(poison) / 2));
}

async function learnedTest(accused: Accused, parts: CarrierParts): Promise<CarrierTest | undefined> {
  const { label, targets, naming, scores } = accused;
  const isHome = (scored: Scored) => naming.nameOf(scored.scores) === scored.label;
  const take = (test: (scored: Scored) => boolean) => scores.take(EXAMPLES, test).filter(isPlaced);
  const poison = take((scored) => scored.label === label && isSurelyPoison(scored, naming));
  const stayed = take((scored) => scored.label === label && isHome(scored));
  const honest = take((scored) => !targets.includes(scored.label) && isHome(scored));
  if (Math.min(poison.length, honest.length) < FEWEST_EXAMPLES) return undefined;
  const probabilities = await parts.learner.learn(parts.store, poison, [...stayed, ...honest]);
  const probabilitiesOf = async (some: readonly Scored[]) => answersOf(await ask(some, parts, probabilities));
  const threshold = carrierThreshold(await probabilitiesOf(honest), await probabilitiesOf(poison), []);
  return threshold === undefined ? undefined : testOf(probabilities, threshold);
}

/** Purifies honest samples and samples of the label again, to see whether a matched filter tells them apart. */
async function filterTest(accused: Accused, parts: CarrierParts): Promise<CarrierTest | undefined> {
  const { label, targets, naming, scores } = accused;
  const take = (test: (scored: Scored) => boolean) => scores.take(FILTER_IMAGES, test);
  const honest = take((scored) => !targets.includes(scored.label));
  if (honest.length === 0) return undefined;
  const filter = new MatchedFilter(parts.residuals, label, targets);
  const respond = (images: readonly Sample[]) => responses(images, filter, parts.runner);
  const responsesOf = async (some: readonly Scored[]) => answersOf(await ask(some, parts, respond));
  const threshold = carrierThreshold(
    await responsesOf(honest),
    await responsesOf(take((scored) => scored.label === label && isSurelyPoison(scored, naming))),
    await responsesOf(take((scored) => scored.label === label)),
  );
  return threshold === undefined ? undefined : testOf(respond, threshold);
}

function testOf(
  measure: (raw: readonly Sample[]) => Promise<Outcome<readonly number[]>>,
  threshold: number,
): CarrierTest {
  return async (raw) => {
    const measured = await measure(raw);
    return measured.ok ? { ok: true, value: measured.value.map((value) => value > threshold) } : measured;
  };
}

/** Purifies samples again, as a whole, and asks the filter. */
async function responses(
  samples: readonly Sample[],
  filter: MatchedFilter,
  runner: Runner,
): Promise<Outcome<readonly number[]>> {
  const restored = await runner.restore(samples.map((sample) => ({ sample, mask: undefined })));
  if (!restored.ok) return restored;
  return {
    ok: true,
    value: restored.value.map(({ pixels }, i) => filter.response(samples[i]!.pixels, pixels)),
  };
}

function answersOf<T>(answers: readonly Answer<T>[]): readonly T[] {
  return answers.map(({ answer }) => answer);
}
