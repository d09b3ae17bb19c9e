// The second look at a dataset, when every sample was seen and residuals are complete: recovered triggers are laid
// onto raw images, and the observer's new labels complete the verdict. For what is flagged then, it is
// learned how carriers of the trigger are told. Images are few, and drawn from the sample that the evidence holds
// anyway.

import { locateTrigger, type Trigger } from '../../src/defense/carriers/trigger.ts';
import type { TransitionTable } from '../../src/defense/evidence/contingency.ts';
import type { Residuals } from '../../src/defense/evidence/residuals.ts';
import type { Scored, ScoreSample, ScoreTable } from '../../src/defense/evidence/score-sample.ts';
import {
  type CarrierTest,
  isCleanLabel,
  type Knowledge,
  type Weighty,
} from '../../src/defense/repair/knowledge.ts';
import { Naming } from '../../src/defense/repair/naming.ts';
import { calibratedFlows, type FlowTable, flowSums } from '../../src/defense/verdict/flow-test.ts';
import { controlsOf, FEWEST_SORTED, type Purified } from '../../src/defense/verdict/placebo.ts';
import { flowPower, type Power, withPower } from '../../src/defense/verdict/power.ts';
import { fewestLearned, leastOf, stampPower } from '../../src/defense/verdict/stamp-power.ts';
import {
  type Stamp,
  type StampFinding,
  type StampTrial,
  stamped,
  stampsOf,
  stampTest,
  suspicious,
} from '../../src/defense/verdict/stamp-test.ts';
import {
  type ClassVerdict,
  levelOfTest,
  type Verdict,
  withCanaries,
} from '../../src/defense/verdict/verdict.ts';
import type { Placed, Runner } from '../runner.ts';
import { ask, labelsOf, mapped } from './ask.ts';
import { type Canaries, canariesOf, type Planted } from './canaries.ts';
import {
  type Accused,
  attackEnds,
  type CarrierParts,
  carrierTest,
  knownPoison,
  localTest,
  overlayOf,
} from './carriers.ts';
import type { Evidence, Examine } from './detect.ts';

/** Raw images that each stamp is laid onto: so many a class, and so many at least; with fewer than the least, none. */
const IMAGES_A_CLASS = 10;
const ENOUGH_IMAGES = 250;
const FEWEST_IMAGES = 100;

/** Images that a mixed stamp is laid onto, to see what would have been found. */
const POWER_IMAGES = 64;

/** Samples of a suspicious class that are purified again for controls, and the bytes of images that they may take. */
const MOST_COMPARED = 320;
const COMPARED_BYTES = 64e6;

/** Samples of a flagged class that are shown as evidence. */
const HEAVIEST = 16;

/** Samples that surely are poison: so many are asked, from so many on their fate decides. */
const MOST_KNOWN = 250;
const FEWEST_KNOWN = 20;

/** Concludes from counts, scores and stamps. */
export type Conclude = (
  table: TransitionTable,
  scores: ScoreTable,
  stamps?: ReadonlyMap<number, StampFinding>,
) => Verdict;

/** Residuals are complete when the examination begins. */
export interface ExaminationParts extends CarrierParts {
  readonly conclude: Conclude;
  readonly falseAlarm: number;
  /** Canaries of each kind; 0 for none. */
  readonly canaries: number;
  /** Where the observer was taught them. */
  readonly planted?: Planted | undefined;
}

export function examination(parts: ExaminationParts): Examine {
  return async (evidence) => {
    const { counts, scores } = evidence;
    // one table for all, so that the observer is calibrated once
    const table = scores.table();
    if (scores.count === 0) return { verdict: parts.conclude(counts.table(), table, new Map()) };
    const naming = new Naming(table);
    const level = levelOfTest(parts.falseAlarm);
    const known = await knownImages(scores, parts);
    const trials = await trialsOf(evidence, known, naming, level, parts);
    const concluded = parts.conclude(counts.table(), table, stampTest(trials, counts.classes, level));
    const canaries = await canariesOf(scores, naming, parts);
    const checked = withCanaries(concluded, canaries.findings);
    const powers = await powersOf(checked, calibratedFlows(table), canaries, { known, trials, level }, parts);
    const verdict = withPower(checked, powers);
    const { targetLabels } = verdict;
    if (targetLabels.length === 0) return { verdict };
    const informed = new Naming(table, targetLabels);
    return { verdict, knowledge: await knowledgeOf(evidence, verdict, informed, parts) };
  };
}

/** Samples that stamps are laid onto: the observer knows them, since of others it says nothing with a stamp either. */
async function knownImages(
  scores: ScoreSample,
  parts: ExaminationParts,
): Promise<readonly (Scored & Placed)[]> {
  const wanted = Math.max(ENOUGH_IMAGES, IMAGES_A_CLASS * scores.classes);
  const asked = await ask(scores.take(4 * wanted), parts, (images) => labelsOf(images, parts.runner));
  const known = asked.filter(({ of, answer }) => answer === of.label).slice(0, wanted);
  return known.length < FEWEST_IMAGES ? [] : known.map(({ of }) => of);
}

/** An observer's labels of images with a stamp. */
function labelsWith(
  stamp: Stamp,
  images: readonly Scored[],
  observer: Runner,
  parts: ExaminationParts,
): Promise<readonly number[]> {
  return ask(images, parts, (some) =>
    labelsOf(
      some.map((image) => ({ ...image, pixels: stamped(image.pixels, stamp) })),
      observer,
    ),
  ).then((answers) => answers.map(({ answer }) => answer));
}

/** Lays every stamp onto the same images, and controls of the suspicious ones. */
async function trialsOf(
  { counts, scores }: Evidence,
  known: readonly Scored[],
  naming: Naming,
  level: number,
  parts: ExaminationParts,
): Promise<StampTrial[]> {
  if (known.length === 0) return [];
  const before = known.map(({ label }) => label);
  const labels = (stamp: Stamp) => labelsWith(stamp, known, parts.runner, parts);
  const trials: Trial[] = [];
  for (let of = 0; of < counts.classes; of++) {
    for (const stamp of stampsOf(parts.residuals, of)) {
      trials.push({ stamp, before, after: await labels(stamp) });
    }
  }
  const purified = (of: number) => purifiedAgain(of, scores, naming, parts);
  return withControls(trials, suspicious(trials, level), parts.residuals, purified, labels);
}

/** What would have been found in each class, by label. */
async function powersOf(
  { classes }: Verdict,
  table: FlowTable,
  { findings, residuals: canaries }: Canaries,
  { known, trials, level }: { known: readonly Scored[]; trials: readonly StampTrial[]; level: number },
  parts: ExaminationParts,
): Promise<Power[]> {
  const { residuals, planted } = parts;
  const sums = flowSums(table);
  const images = known.slice(0, POWER_IMAGES);
  const before = images.map(({ label }) => label);
  const powers: Power[] = [];
  for (const { label, samples } of classes) {
    const power = samples === 0 ? {} : { ...flowPower(label, table, sums, findings, level) };
    for (const kind of planted && samples > 0 ? Object.keys(power) : []) {
      const k = planted!.kinds.indexOf(kind);
      const least = fewestLearned(samples, planted!.copied[k]!.length);
      const labels = (stamp: Stamp) => labelsWith(stamp, images, planted!.runner, parts);
      const asked = { residuals, canaries, trials, before, labelsWith: labels, level };
      const flow = power[kind] ?? Number.POSITIVE_INFINITY;
      const stamp = await stampPower(label, classes.length + k, samples, asked, least, flow);
      power[kind] = leastOf(stamp ?? flow, least);
    }
    powers.push(power);
  }
  return powers;
}

/** A trial whose stamp is at hand. */
type Trial = StampTrial & { readonly stamp: Stamp };

/** The trials, those of suspects with what came of their controls, where the class has samples enough for any. */
async function withControls(
  trials: readonly Trial[],
  suspects: readonly StampTrial[],
  residuals: Residuals,
  purified: (label: number) => Promise<readonly Purified[]>,
  labelsWith: (stamp: Stamp) => Promise<readonly number[]>,
): Promise<StampTrial[]> {
  const samples = new Map<number, readonly Purified[]>();
  for (const { stamp } of suspects) {
    if (!samples.has(stamp.label)) samples.set(stamp.label, await purified(stamp.label));
  }
  const finished: StampTrial[] = [];
  for (const trial of trials) {
    const own = suspects.includes(trial) ? (samples.get(trial.stamp.label) ?? []) : [];
    if (own.length < FEWEST_SORTED) {
      finished.push(trial);
      continue;
    }
    const { replica, placebos } = controlsOf(trial.stamp, residuals, own);
    const labels = [];
    for (const placebo of placebos) labels.push(await labelsWith(placebo));
    finished.push({ ...trial, controls: { replica: await labelsWith(replica), placebos: labels } });
  }
  return finished;
}

/** Some samples of a class, purified again. */
async function purifiedAgain(
  label: number,
  scores: ScoreSample,
  naming: Naming,
  parts: ExaminationParts,
): Promise<readonly Purified[]> {
  const {
    store: { shape },
    runner,
  } = parts;
  const most = Math.min(MOST_COMPARED, Math.floor(COMPARED_BYTES / (2 * shape[0] * shape[1] * shape[2])));
  const samples = scores.take(most, (scored) => scored.label === label);
  const answers = await ask(samples, parts, async (images) => {
    const restored = await runner.restore(images.map((sample) => ({ sample, mask: undefined })));
    return mapped(restored, ({ pixels }, i) => ({ raw: images[i]!.pixels, purified: pixels }));
  });
  return answers.map(({ of, answer }) => ({ ...answer, moved: naming.nameOf(of.scores) !== label }));
}

async function knowledgeOf(
  { scores }: Evidence,
  { targetLabels, classes }: Verdict,
  naming: Naming,
  parts: ExaminationParts,
): Promise<Knowledge> {
  const triggers = new Map<number, Trigger>();
  const carriers = new Map<number, CarrierTest>();
  const overlays = new Map<number, Float32Array>();
  const cleanLabel = new Set(targetLabels.filter((label) => isCleanLabel(classes[label]!, parts.falseAlarm)));
  for (const label of targetLabels) {
    const found = locateTrigger(parts.residuals, label, targetLabels, parts.store.shape);
    const accused = { label, targets: targetLabels, naming, scores };
    const local = found?.local === true && (await endsWith(found, accused, classes[label]!, parts));
    if (found) triggers.set(label, { ...found, local });
    const overlay = local || cleanLabel.has(label) ? undefined : await overlayOf(accused, parts);
    if (overlay?.pattern) overlays.set(label, overlay.pattern);
    const learned = () => (local ? localTest(accused, found, parts) : carrierTest(accused, parts));
    const test = overlay?.carries ?? (await learned());
    if (test) carriers.set(label, test);
  }
  const heaviest = new Map(targetLabels.map((label) => [label, heaviestOf(label, naming, scores)]));
  return { naming, triggers, carriers, overlays, cleanLabel, heaviest };
}

/** The samples of a label that speak against it most. */
function heaviestOf(label: number, naming: Naming, samples: ScoreSample): Weighty[] {
  const ofLabel = samples.take(samples.count, (scored) => scored.label === label);
  const moved = ofLabel.flatMap(({ id, index, label: given, scores }) => {
    const name = naming.nameOf(scores);
    if (name === label || index === undefined) return [];
    return [{ id, index, name, weight: Math.round(100 * naming.weightOf(given, scores)) / 100 }];
  });
  return moved.sort((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1)).slice(0, HEAVIEST);
}

/**
 * Whether the attack ends where the trigger was located: with these pixels purified, most of what surely is poison
 * leaves the label. Where little is known to be poison, because its labels are right, the class's stamp must be obeyed.
 */
async function endsWith(
  { label, mask }: Trigger,
  accused: Accused,
  { stamp }: ClassVerdict,
  parts: ExaminationParts,
): Promise<boolean> {
  const poison = knownPoison(accused, MOST_KNOWN);
  if (poison.length < FEWEST_KNOWN) return stamp !== undefined && stamp.logP <= Math.log(parts.falseAlarm);
  return attackEnds(label, poison, parts, async (images) => {
    const restored = await parts.runner.restore(images.map((sample) => ({ sample, mask })));
    return mapped(restored, (repaired) => repaired.label);
  });
}
