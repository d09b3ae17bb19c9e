// The verdict with the images at hand: recovered stamps are laid onto images, canaries tell what purification and
// observer are good for, and the power of all tests is stated beside what they found.

import type { TransitionTable } from '../evidence/contingency.ts';
import type { Residuals } from '../evidence/residuals.ts';
import type { Scored, ScoreTable } from '../evidence/score-sample.ts';
import { calibratedFlows, flowSums } from './flow-test.ts';
import { controlsOf, FEWEST_SORTED, type Purified } from './placebo.ts';
import { flowPower, withPower } from './power.ts';
import type { Canaries, Questions } from './questions.ts';
import { fewestLearned, leastOf, StampPower } from './stamp-power.ts';
import {
  type Stamp,
  type StampFinding,
  type StampTrial,
  stampsOf,
  stampTest,
  suspicious,
} from './stamp-test.ts';
import type { Power } from './verdict.ts';
import { levelOfTest, type Verdict, withCanaries } from './verdict.ts';

/** Raw images that each stamp is laid onto: so many a class, and so many at least; with fewer than the least, none. */
const IMAGES_A_CLASS = 10;
const ENOUGH_IMAGES = 250;
const FEWEST_IMAGES = 100;

/** Images that a mixed stamp is laid onto, to see what would have been found. */
const POWER_IMAGES = 64;

/** Samples of a suspicious class that are purified again for controls. */
const MOST_COMPARED = 320;

/** Concludes from counts, scores and stamps. */
export type Conclude = (
  table: TransitionTable,
  scores: ScoreTable,
  stamps?: ReadonlyMap<number, StampFinding>,
) => Verdict;

/** All that was counted of a dataset. */
export interface Counted {
  readonly table: TransitionTable;
  readonly scores: ScoreTable;
  readonly residuals: Residuals;
}

/** The verdict on a dataset of at least one sample. @param falseAlarm chance of accusing a clean dataset, at most */
export async function examined(
  counted: Counted,
  questions: Questions,
  conclude: Conclude,
  falseAlarm: number,
): Promise<Verdict> {
  const { table, scores, residuals } = counted;
  const { classes } = scores;
  const level = levelOfTest(falseAlarm);
  const wanted = Math.max(ENOUGH_IMAGES, IMAGES_A_CLASS * classes);
  const found = await questions.known(wanted);
  const known = found.length < FEWEST_IMAGES ? [] : found;
  const trials = known.length === 0 ? [] : await trialsOf(classes, known, level, residuals, questions);
  const concluded = conclude(table, scores, stampTest(trials, classes, level));
  const canaries = await questions.canaries();
  const checked = withCanaries(concluded, canaries.findings);
  return withPower(checked, await powersOf(checked, counted, canaries, { known, trials, level }));
}

/** A trial whose stamp is at hand. */
type Trial = StampTrial & { readonly stamp: Stamp };

/** Lays every stamp onto the same images, and controls of the suspicious ones. */
async function trialsOf(
  classes: number,
  known: readonly Scored[],
  level: number,
  residuals: Residuals,
  questions: Questions,
): Promise<StampTrial[]> {
  const before = known.map(({ label }) => label);
  const trials: Trial[] = [];
  for (let label = 0; label < classes; label++) {
    for (const stamp of stampsOf(residuals, label)) {
      trials.push({ stamp, before, after: await questions.labelsWith(known, stamp) });
    }
  }
  const suspects = new Set(suspicious(trials, level));
  const samples = new Map<number, readonly Purified[]>();
  const finished: StampTrial[] = [];
  for (const trial of trials) {
    if (!suspects.has(trial)) {
      finished.push(trial);
      continue;
    }
    const { label } = trial.stamp;
    const own = samples.get(label) ?? (await questions.purifiedAgain(label, MOST_COMPARED));
    samples.set(label, own);
    const enough = own.length >= FEWEST_SORTED;
    finished.push(enough ? await controlled(trial, own, known, residuals, questions) : trial);
  }
  return finished;
}

/** With what came of other stamps of the same class. */
async function controlled(
  trial: Trial,
  own: readonly Purified[],
  known: readonly Scored[],
  residuals: Residuals,
  { labelsWith }: Questions,
): Promise<StampTrial> {
  const { replica, placebos } = controlsOf(trial.stamp, residuals, own);
  const labels = [];
  for (const placebo of placebos) labels.push(await labelsWith(known, placebo));
  return { ...trial, controls: { replica: await labelsWith(known, replica), placebos: labels } };
}

/** What would have been found in each class, by label. */
async function powersOf(
  { classes }: Verdict,
  { scores, residuals }: Counted,
  { findings, taught }: Canaries,
  { known, trials, level }: { known: readonly Scored[]; trials: readonly StampTrial[]; level: number },
): Promise<Power[]> {
  const table = calibratedFlows(scores);
  const sums = flowSums(table);
  const images = known.slice(0, POWER_IMAGES);
  const before = images.map(({ label }) => label);
  const powers: Power[] = [];
  for (const { label, samples } of classes) {
    const power = samples === 0 ? {} : { ...(await flowPower(label, table, sums, findings, level)) };
    if (taught && samples > 0) {
      const { kinds, copies, residuals: canaries } = taught;
      const labelsWith = (stamp: Stamp) => taught.labelsWith(images, stamp);
      const asked = { residuals, canaries, trials, before, level, labelsWith };
      const stamps = new StampPower(label, samples, asked);
      for (const [k, kind] of kinds.entries()) {
        const flow = power[kind];
        // no canary of the kind was seen
        if (flow === undefined) continue;
        const least = fewestLearned(samples, copies[k]!);
        const share = flow ?? Number.POSITIVE_INFINITY;
        const stamp = await stamps.least(classes.length + k, least, share);
        power[kind] = leastOf(stamp ?? share, least);
      }
    }
    powers.push(power);
  }
  return powers;
}
