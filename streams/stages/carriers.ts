// Which samples of a flagged class carry its trigger, as far as anybody can tell. A trigger of small extent is looked for
// in its place, one that lies over whole images, the same on each, in raw images. Where it is everywhere and some samples are known to be poison, a network learns to tell them from honest
// images of other classes and from what stayed in the class: what they have in common is the trigger alone. Where it
// cannot, or labels are right and nothing is known to be poison, a matched filter is tried on what purification removes.
// Each is believed only if it finds known poison and clears honest images.

import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { carrierThreshold, MatchedFilter } from '../../src/defense/carriers/matched-filter.ts';
import {
  honestWeights,
  OverlayFilter,
  overlayFrom,
  withoutOverlay,
} from '../../src/defense/carriers/overlaid.ts';
import { type Trigger, triggerResponse } from '../../src/defense/carriers/trigger.ts';
import type { Residuals } from '../../src/defense/evidence/residuals.ts';
import type { Scored, ScoreSample } from '../../src/defense/evidence/score-sample.ts';
import type { CarrierTest } from '../../src/defense/repair/knowledge.ts';
import type { Naming } from '../../src/defense/repair/naming.ts';
import type { Outcome } from '../../src/errors.ts';
import { median } from '../../src/math/robust.ts';
import type { CarrierLearner, Placed, Runner } from '../../src/ports/runner.ts';
import { ask, isPlaced, labelsOf, mapped } from './ask.ts';

/** Samples of each kind that a network learns from at most, and known poison without which it does not try. */
const EXAMPLES = 2000;
const FEWEST_EXAMPLES = 40;

/** Bytes of images that are held at once. */
const EXAMPLE_BYTES = 32e6;

/**
 * Share of a recovered overlay from which on an image carries it. For the filter to be believed, so many of the samples that
 * surely are poison must do so (purification sends a few honest ones away, too), and so few honest ones.
 */
const CARRIED = 0.5;
const LEAST_FOUND = 0.7;
const MOST_MISTAKEN = 0.005;

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
  const clear = carrierThreshold(honest, poison, []);
  // patches are opaque, and honest images far below them: half-way is safer than the edge of the honest
  return clear === undefined ? undefined : testOf(measure, Math.max(clear, median(poison) / 2), clear);
}

/**
 * Learned twice: names betray little poison whose own class is like this one, so the first network has hardly seen any. What
 * it finds all the same shows the second one what that looks like.
 */
async function learnedTest(accused: Accused, parts: CarrierParts): Promise<CarrierTest | undefined> {
  const { label, naming, scores } = accused;
  const poison = knownPoison(accused, EXAMPLES).filter(isPlaced);
  const honest = othersAtHome(accused, EXAMPLES).filter(isPlaced);
  if (Math.min(poison.length, honest.length) < FEWEST_EXAMPLES) return undefined;
  const stayed = scores.take(EXAMPLES, (scored) => scored.label === label && isHome(scored, naming));
  const learned = async (carriers: readonly Placed[], others: readonly Placed[]) => {
    const measure = await parts.learner.learn(parts.store, carriers, [...others, ...honest]);
    const threshold = carrierThreshold(
      await measured(honest, measure, parts),
      await measured(poison, measure, parts),
      [],
    );
    return threshold === undefined ? undefined : { measure, threshold };
  };
  const first = await learned(poison, stayed.filter(isPlaced));
  if (!first) return undefined;
  const known = new Set(poison.map(({ id }) => id));
  const suspects = scores.take(EXAMPLES, (scored) => scored.label === label);
  const answers = (await ask(suspects, parts, first.measure)).map(({ of, answer }) => ({
    of,
    carries: known.has(of.id) || answer > first.threshold,
  }));
  const carriers = answers.filter(({ carries }) => carries).map(({ of }) => of);
  const cleared = answers.filter(({ of, carries }) => !carries && isHome(of, naming)).map(({ of }) => of);
  const second = await learned(carriers, cleared);
  const { measure, threshold } = second ?? first;
  return testOf(measure, threshold);
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

/** Who carries a trigger that is laid over whole images. */
export interface Overlay {
  readonly carries: CarrierTest;
  /** The trigger, where the attack ends when it is subtracted: float32 [C, H, W] in 8-bit pixel values. */
  readonly pattern: Float32Array | undefined;
}

/**
 * The trigger of the label where it is laid over whole images, the same on each; undefined where it is not, so that carriers
 * cannot be told almost without exception. Of samples that surely are poison and of honest ones, half make a filter, and
 * the other half tell whether it separates them. What purification sent away wrongly, the filter tells as well, so the
 * trigger is recovered once more from those that carry it.
 */
export async function overlayOf(accused: Accused, parts: CarrierParts): Promise<Overlay | undefined> {
  const { label, naming } = accused;
  const [channels, height, width] = parts.store.shape;
  const most = Math.min(EXAMPLES, Math.floor(EXAMPLE_BYTES / (channels * height * width)));
  const read = async (samples: readonly Scored[]): Promise<readonly Named[]> => {
    const pixels = (images: readonly Sample[]) => images.map((image) => image.pixels);
    const answers = await ask(samples, parts, async (images) => ({ ok: true, value: pixels(images) }));
    return answers.map(({ of, answer }) => ({ of, name: naming.nameOf(of.scores), pixels: answer }));
  };
  const poison = await read(knownPoison(accused, most));
  const honest = await read(othersAtHome(accused, most));
  if (Math.min(poison.length, honest.length) < FEWEST_EXAMPLES) return undefined;
  const [some, held] = halves(poison);
  const [usual, control] = halves(honest);
  const first = filterFor(some, usual);
  if (!first) return undefined;
  const responseTo = ({ pixels }: Named) => first.filter.response(pixels);
  // carriers are far from honest images: half-way is safe from both
  const halfway = CARRIED * median(held.map(responseTo));
  const carrying = (one: Named) => responseTo(one) > halfway;
  const shareOf = (ones: readonly Named[]) => ones.filter(carrying).length / ones.length;
  if (shareOf(held) < LEAST_FOUND || shareOf(control) > MOST_MISTAKEN) return undefined;
  const refined = filterFor(poison.filter(carrying), honest);
  if (!refined) return undefined;
  const { pattern, filter } = refined;
  const carries: CarrierTest = async (raw) => ({
    ok: true,
    value: raw.map(({ pixels }) => filter.response(pixels) > CARRIED),
  });
  const found = held.filter(carrying).map(({ of }) => of);
  const ends = await attackEnds(label, found, parts, (images) =>
    labelsOf(
      images.map((image) => ({ ...image, pixels: withoutOverlay(image.pixels, pattern) })),
      parts.runner,
    ),
  );
  return { carries, pattern: ends ? pattern : undefined };
}

/** A sample, its raw image, and the label that its purified images show. */
interface Named {
  readonly of: Scored;
  readonly name: number;
  readonly pixels: Uint8Array;
}

function halves<T>(items: readonly T[]): readonly [T[], T[]] {
  return [items.filter((_, i) => i % 2 === 0), items.filter((_, i) => i % 2 === 1)];
}

function filterFor(carriers: readonly Named[], honest: readonly Named[]) {
  const nameOf = ({ name }: Named) => name;
  const weights = carriers.length > 0 && honestWeights(carriers.map(nameOf), honest.map(nameOf));
  if (!weights) return undefined;
  const weighted = honest.map(({ name, pixels }) => ({ pixels, weight: weights.get(name) ?? 0 }));
  const pixelsOf = ({ pixels }: Named) => pixels;
  const pattern = overlayFrom(carriers.map(pixelsOf), weighted);
  return { pattern, filter: new OverlayFilter(pattern, honest.map(pixelsOf)) };
}

/**
 * Whether the observer calls most of some poison anything but its label, once it is treated so that the trigger should be
 * gone.
 *
 * @param treated the observer's labels of images after the treatment
 */
export async function attackEnds(
  label: number,
  poison: readonly Scored[],
  parts: CarrierParts,
  treated: Measure,
): Promise<boolean> {
  const seen = await measured(poison, treated, parts);
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

/** Those of them whose purified images show their label. */
function othersAtHome(accused: Accused, most: number): readonly Scored[] {
  return others(accused, most, (scored) => isHome(scored, accused.naming));
}

function isHome({ label, scores }: Scored, naming: Naming): boolean {
  return naming.nameOf(scores) === label;
}

/** A number for each of some raw images, such as how much it looks like a carrier. */
type Measure = (raw: readonly Sample[]) => Promise<Outcome<readonly number[]>>;

async function measured(
  samples: readonly Scored[],
  measure: Measure,
  parts: CarrierParts,
): Promise<readonly number[]> {
  return (await ask(samples, parts, measure)).map(({ answer }) => answer);
}

/** @param clear what is up to this carries nothing; nobody can tell of what lies between */
function testOf(measure: Measure, threshold: number, clear = threshold): CarrierTest {
  const tell = (value: number) => (value > threshold ? true : value > clear ? undefined : false);
  return async (raw) => mapped(await measure(raw), tell);
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
