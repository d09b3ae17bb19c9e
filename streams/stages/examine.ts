// The second look at a dataset, when every sample was seen and residuals are complete: recovered triggers are laid
// onto raw images, and the observer's new labels complete the verdict. For what is flagged then, it is
// learned how carriers of the trigger are told. Images are few, and drawn from the sample that the evidence holds
// anyway.

import { locateTrigger, type Trigger } from '../../src/defense/carriers/trigger.ts';
import type { ScoreSample } from '../../src/defense/evidence/score-sample.ts';
import {
  type CarrierTest,
  isCleanLabel,
  type Knowledge,
  type Weighty,
} from '../../src/defense/repair/knowledge.ts';
import { Naming } from '../../src/defense/repair/naming.ts';
import { type Conclude, examined } from '../../src/defense/verdict/examination.ts';
import type { Purified } from '../../src/defense/verdict/placebo.ts';
import type { Questions } from '../../src/defense/verdict/questions.ts';
import type { ClassVerdict, Verdict } from '../../src/defense/verdict/verdict.ts';
import type { Refit } from '../../src/ports/runner.ts';
import { ask, isPlaced, labelsOf, mapped } from './ask.ts';
import { canariesOf, labelsBy, type Planted } from './canaries.ts';
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

/** Bytes of images that samples purified again may take. */
const COMPARED_BYTES = 64e6;

/** Samples of a flagged class that are shown as evidence. */
const HEAVIEST = 16;

/** Samples that surely are poison: so many are asked, from so many on their fate decides. */
const MOST_KNOWN = 250;
const FEWEST_KNOWN = 20;

/** Residuals are complete when the examination begins. */
export interface ExaminationParts extends CarrierParts {
  readonly conclude: Conclude;
  readonly falseAlarm: number;
  /** Canaries of each kind; 0 for none. */
  readonly canaries: number;
  readonly refit: Refit;
  /** Where the observer was taught them. */
  readonly planted?: Planted | undefined;
}

export function examination(parts: ExaminationParts): Examine {
  return async (evidence) => {
    const { counts, scores } = evidence;
    // one table for all, so that the observer is calibrated once
    const counted = { table: counts.table(), scores: scores.table(), residuals: parts.residuals };
    if (scores.count === 0) return { verdict: parts.conclude(counted.table, counted.scores, new Map()) };
    const questions = questionsTo(scores, new Naming(counted.scores), parts);
    const verdict = await examined(counted, questions, parts.conclude, parts.falseAlarm);
    const { targetLabels } = verdict;
    if (targetLabels.length === 0) return { verdict };
    const informed = new Naming(counted.scores, targetLabels);
    return { verdict, knowledge: await knowledgeOf(evidence, verdict, informed, parts) };
  };
}

/** Answers by the networks. */
function questionsTo(scores: ScoreSample, naming: Naming, parts: ExaminationParts): Questions {
  const { runner } = parts;
  return {
    async known(most) {
      // an observer that does not know an image without a stamp says nothing with one
      const asked = await ask(scores.take(4 * most), parts, (images) => labelsOf(images, runner));
      return asked
        .filter(({ of, answer }) => answer === of.label)
        .slice(0, most)
        .map(({ of }) => of);
    },
    labelsWith: labelsBy(runner, parts),
    samplesOf: (label, most) =>
      scores
        .take(most, (scored) => scored.label === label)
        .map((of) => ({ of, name: naming.nameOf(of.scores) })),
    purifiedAgain: (label, most) => purifiedAgain(label, most, scores, naming, parts),
    async refitted(left) {
      const places = [...left].map(
        ([label, some]) => [label, some.filter(isPlaced).map(({ index }) => index)] as const,
      );
      return labelsBy(await parts.refit(parts.store, new Map(places)), parts);
    },
    canaries: () => canariesOf(scores, naming, parts),
  };
}

/** Some samples of a class, purified again. */
async function purifiedAgain(
  label: number,
  most: number,
  scores: ScoreSample,
  naming: Naming,
  parts: ExaminationParts,
): Promise<readonly Purified[]> {
  const {
    store: { shape },
    runner,
  } = parts;
  const fitting = Math.min(most, Math.floor(COMPARED_BYTES / (2 * shape[0] * shape[1] * shape[2])));
  const samples = scores.take(fitting, (scored) => scored.label === label);
  const answers = await ask(samples, parts, async (images) => {
    const restored = await runner.restore(images.map((sample) => ({ sample, mask: undefined })));
    return mapped(restored, ({ pixels }, i) => ({ raw: images[i]!.pixels, purified: pixels }));
  });
  return answers.map(({ of, answer }) => ({ ...answer, of, name: naming.nameOf(of.scores) }));
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
