// The second look at a dataset, when every sample was seen and residuals are complete: recovered triggers are laid
// onto raw images, and the observer's new labels complete the verdict. For what is flagged then, it is
// learned how carriers of the trigger are told. Images are few, and drawn from the sample that the evidence holds
// anyway.

import type { Sample } from '../../src/datasets/sample.ts';
import type { TransitionTable } from '../../src/defense/contingency.ts';
import { type CarrierTest, isCleanLabel, type Knowledge, type Weighty } from '../../src/defense/knowledge.ts';
import { Naming } from '../../src/defense/naming.ts';
import type { Residuals } from '../../src/defense/residuals.ts';
import type { ScoreSample, ScoreTable } from '../../src/defense/score-sample.ts';
import { locateTrigger, type Trigger } from '../../src/defense/trigger.ts';
import {
  type CanaryFinding,
  canaryFinding,
  canaryStamps,
  removedShare,
} from '../../src/defense/verdict/canary.ts';
import { calibratedFlows } from '../../src/defense/verdict/flow-test.ts';
import { controlsOf, FEWEST_SORTED, type Purified } from '../../src/defense/verdict/placebo.ts';
import { withPower } from '../../src/defense/verdict/power.ts';
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
import { ask, labelsOf, mapped } from './ask.ts';
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
}

export function examination(parts: ExaminationParts): Examine {
  return async (evidence) => {
    const { counts, scores } = evidence;
    // one table for all, so that the observer is calibrated once
    const table = scores.table();
    if (scores.count === 0) return { verdict: parts.conclude(counts.table(), table, new Map()) };
    const naming = new Naming(table);
    const level = levelOfTest(parts.falseAlarm);
    const trials = await trialsOf(evidence, naming, level, parts);
    const concluded = parts.conclude(counts.table(), table, stampTest(trials, counts.classes, level));
    const checked = withCanaries(concluded, await canariesOf(evidence, naming, parts));
    const verdict = withPower(checked, calibratedFlows(table), level);
    const { targetLabels } = verdict;
    if (targetLabels.length === 0) return { verdict };
    const informed = new Naming(table, targetLabels);
    return { verdict, knowledge: await knowledgeOf(evidence, verdict, informed, parts) };
  };
}

/** Lays every stamp onto the same images, and controls of the suspicious ones. */
async function trialsOf(
  { counts, scores }: Evidence,
  naming: Naming,
  level: number,
  parts: ExaminationParts,
): Promise<StampTrial[]> {
  const { classes } = counts;
  const wanted = Math.max(ENOUGH_IMAGES, IMAGES_A_CLASS * classes);
  const label = (images: readonly Sample[]) => labelsOf(images, parts.runner);
  const asked = await ask(scores.take(4 * wanted), parts, label);
  // an observer that does not know an image without a stamp says nothing with one
  const known = asked.filter(({ of, answer }) => answer === of.label).slice(0, wanted);
  if (known.length < FEWEST_IMAGES) return [];
  const images = known.map(({ of }) => of);
  const before = images.map((image) => image.label);
  const labelsWith = async (stamp: Stamp) => {
    const answers = await ask(images, parts, (some) =>
      label(some.map((image) => ({ ...image, pixels: stamped(image.pixels, stamp) }))),
    );
    return answers.map(({ answer }) => answer);
  };
  const trials: Trial[] = [];
  for (let of = 0; of < classes; of++) {
    for (const stamp of stampsOf(parts.residuals, of)) {
      trials.push({ stamp, before, after: await labelsWith(stamp) });
    }
  }
  const purified = (of: number) => purifiedAgain(of, scores, naming, parts);
  return withControls(trials, suspicious(trials, level), parts.residuals, purified, labelsWith);
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

/** Stamps known triggers on a few images and has them diffused and observed like any others. */
async function canariesOf(
  { scores }: Evidence,
  naming: Naming,
  parts: ExaminationParts,
): Promise<CanaryFinding[]> {
  const findings: CanaryFinding[] = [];
  for (const [kind, stamp] of Object.entries(canaryStamps(parts.store.shape))) {
    const answers = await ask(scores.take(parts.canaries), parts, async (images) => {
      const samples = images.map(({ id, pixels, ...image }) => ({
        ...image,
        id: `canary/${kind}/${id}`,
        pixels: stamp(pixels),
      }));
      const candidates = await parts.runner.diffuse(samples, 'canary');
      const seen = candidates.ok ? await parts.runner.observe(candidates.value) : candidates;
      return mapped(seen, ({ purified, scores }, i) => ({
        removed: removedShare(images[i]!.pixels, samples[i]!.pixels, purified),
        name: naming.nameOf(scores),
      }));
    });
    const canaries = answers.map(({ of, answer: { removed, name } }) => ({
      removed,
      recovered: name === naming.nameOf(of.scores),
    }));
    const finding = canaryFinding(kind, canaries);
    if (finding) findings.push(finding);
  }
  return findings;
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
