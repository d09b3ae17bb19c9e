// The verdict with the images at hand: recovered stamps are laid onto images, canaries tell what purification and
// observer are good for, and the power of all tests is stated beside what they found.

import type { TransitionTable } from '../evidence/contingency.ts';
import type { Residuals } from '../evidence/residuals.ts';
import type { Scored, ScoreTable } from '../evidence/score-sample.ts';
import { calibratedFlows, flowSums } from './flow-test.ts';
import { controlsOf, FEWEST_SORTED, type Ranked, ranked } from './placebo.ts';
import { flowPower, withPower } from './power.ts';
import type { Canaries, LabelsWith, Questions } from './questions.ts';
import { type Refit, type Renamed, renamed, type Split, splitAtRandom, splitByStamp } from './refit.ts';
import { type Stamp, stampsOf } from './stamp.ts';
import { fewestLearned, leastOf, StampPower } from './stamp-power.ts';
import { type StampFinding, stampTest, suspicious } from './stamp-test.ts';
import type { StampTrial } from './stamp-trial.ts';
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

/** Share of the classes that another observer may learn few samples of: it must know the others well. */
const MOST_REFITTED = 0.5;

/** Classes that it learns as few samples of at least, so that there are others to compare a suspicious one with. */
const FEWEST_REFITTED = 3;

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
  const suspects = suspicious(trials, classes, level);
  const labels = [...new Set(suspects.map(({ stamp }) => stamp.label))];
  const looks = new Map<number, Look>();
  for (const label of labels) {
    const samples = await questions.purifiedAgain(label, MOST_COMPARED);
    if (samples.length < FEWEST_SORTED) continue;
    const stamps = suspects.map(({ stamp }) => stamp).filter((stamp) => stamp.label === label);
    looks.set(label, {
      rankings: new Map(stamps.map((stamp) => [stamp, ranked(stamp, residuals, samples)])),
    });
  }
  await refit(looks, classes, questions);
  const finished: StampTrial[] = [];
  for (const trial of trials) finished.push(await controlled(trial, looks, known, questions));
  return finished;
}

/** What a suspicious class's stamps are held against. */
interface Look {
  /** The most suspicious stamp first. */
  readonly rankings: ReadonlyMap<Stamp, Ranked>;
  /** By an observer that learned few samples of the class. */
  refit?: Pick<Refit, 'renamed' | 'others' | 'leaving'> & { readonly labelsWith: LabelsWith };
}

/** Has another observer learn the dataset with few samples left of the most suspicious classes, and of some others. */
async function refit(looks: Map<number, Look>, classes: number, questions: Questions): Promise<void> {
  if (looks.size === 0) return;
  const most = Math.floor(MOST_REFITTED * classes);
  const splits = new Map<number, Split>();
  for (const [label, { rankings }] of [...looks].slice(0, most)) {
    const [first] = rankings.values();
    splits.set(label, splitByStamp(first!));
  }
  for (let label = 0; label < classes && splits.size < Math.min(FEWEST_REFITTED, most); label++) {
    const samples = looks.has(label) ? [] : questions.samplesOf(label, MOST_COMPARED);
    if (samples.length >= FEWEST_SORTED) splits.set(label, splitAtRandom(samples));
  }
  if (splits.size === 0) return;
  const left = [...splits].map(([label, split]) => [label, split.left.map(({ of }) => of)] as const);
  const labelsWith = await questions.refitted(new Map(left));
  const named = new Map<number, { suspects: Renamed; leaving: Renamed }>();
  for (const [label, split] of splits) {
    const learned = new Set(split.left.map(({ of }) => of.id));
    const others = questions.samplesOf(label, MOST_COMPARED).filter(({ of }) => !learned.has(of.id));
    const raw = await labelsWith(others.map(({ of }) => of));
    const seen = others.map(({ of, name }, n) => ({ id: of.id, name, raw: raw[n]! }));
    const suspects = new Set(split.suspects.map(({ of }) => of.id));
    named.set(label, {
      suspects: renamed(
        label,
        seen.filter(({ id }) => suspects.has(id)),
      ),
      leaving: renamed(
        label,
        seen.filter(({ name }) => name !== label),
      ),
    });
  }
  for (const [label, look] of looks) {
    const own = named.get(label);
    if (!own) continue;
    const others = [...named.values()].filter((one) => one !== own).map(({ suspects }) => suspects);
    look.refit = { labelsWith, renamed: own.suspects, others, leaving: own.leaving };
  }
}

/** With what came of other stamps of the same class, and what another observer says, where the stamp is suspicious. */
async function controlled(
  trial: Trial,
  looks: ReadonlyMap<number, Look>,
  known: readonly Scored[],
  { labelsWith }: Questions,
): Promise<StampTrial> {
  const { stamp } = trial;
  const look = looks.get(stamp.label);
  const ranking = look?.rankings.get(stamp);
  if (!ranking) return trial;
  const { replica, placebos } = controlsOf(stamp, ranking);
  const labels = [];
  for (const placebo of placebos) labels.push(await labelsWith(known, placebo));
  const controls = { replica: await labelsWith(known, replica), placebos: labels };
  if (!look?.refit) return { ...trial, controls };
  const { labelsWith: again, ...names } = look.refit;
  return { ...trial, controls: { ...controls, refit: { ...names, after: await again(known, stamp) } } };
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
