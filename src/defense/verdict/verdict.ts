// The verdict on a dataset, and how the tests' findings become one. Each class is `clean`, `target` or `undecided`,
// with a p-value that is corrected for everything that was tried, so that a clean dataset is accused no more often
// than the stated rate. What nothing could judge is never `clean`: it is `undecided`, and says why.

import type { TransitionTable } from '../evidence/contingency.ts';
import type { ScoreTable } from '../evidence/score-sample.ts';
import { type Agreement, isAtChance } from './agreement.ts';
import type { CanaryFinding } from './canary.ts';
import type { FlowFinding } from './flow-test.ts';
import type { Reason } from './reasons.ts';
import type { StampFinding } from './stamp-test.ts';

/** Smallest share of poison in a class that would have been flagged, in (0, 1), by kind of canary; null where none. */
export type Power = Readonly<Record<string, number | null>>;

/** What a detector says of one class. */
export interface ClassVerdict {
  readonly label: number;
  /** Samples given this label. */
  readonly samples: number;
  /** Those of them that testify: their kept images carry more than one label. */
  readonly moved: number;
  /** The detector's statistic; null where the class has too little evidence for one. */
  readonly metric: number | null;
  /** 95 % interval of the statistic, where it has one. */
  readonly interval?: readonly [low: number, high: number];
  /** How far the statistic stands out; −log₁₀ of the p-value where there is one. */
  readonly score: number | null;
  /** Chance of such evidence in a clean dataset, corrected for all classes and tests; in [0, 1]. */
  readonly pValue?: number;
  /** What accuses or clears it: where its samples go, and what its stamp did to other images. */
  readonly flow?: FlowFinding;
  readonly stamp?: StampFinding;
  readonly state: 'clean' | 'target' | 'undecided';
  /** Why it is undecided, where the detector says so. */
  readonly reasons?: readonly Reason[];
  /** Smallest share of poison in it that would have been flagged with 95 % probability, by kind of canary. */
  readonly power?: Power;
}

/** What a detector says of a dataset: `verdict.json` holds it. */
export interface Verdict {
  readonly targetLabels: readonly number[];
  /** One entry a class, in order of labels. */
  readonly classes: readonly ClassVerdict[];
  readonly samples: number;
  /** How far the observer agrees with the given labels; where records hold its scores. */
  readonly agreement?: Agreement;
  /** How known triggers fared; where images were looked at. */
  readonly canaries?: readonly CanaryFinding[];
}

/** A function of additive evidence alone, so that a window, a machine or a whole dataset is judged alike. */
export type Detector = (table: TransitionTable, scores: ScoreTable) => Verdict;

/** What the tests found. */
export interface Findings {
  /** By label. */
  readonly flows: readonly (FlowFinding | undefined)[];
  /** By label; left out where images were not looked at. */
  readonly stamps?: ReadonlyMap<number, StampFinding> | undefined;
  readonly agreement?: Agreement | undefined;
}

/** Flow and stamp, where images are looked at: the p-values of a class are corrected for both. */
const TESTS = 2;

/** p-value at which one of the two tests accuses. */
export function levelOfTest(falseAlarm: number): number {
  return falseAlarm / TESTS;
}

/** Fewest samples of a class that can be called clean. */
const FEWEST = 20;

/** p-value below which a class is not called clean, though it is no target either. */
const DOUBT = 0.1;

/**
 * Puts findings together: a class is a target when the smaller of its p-values, doubled where there are two tests, is
 * at most `falseAlarm`; undecided where something kept the tests from judging it, or there is doubt. An observer that
 * guesses accuses nobody.
 */
export function conclude(table: TransitionTable, falseAlarm: number, findings: Findings): Verdict {
  const { flows, stamps, agreement } = findings;
  const guessing = agreement !== undefined && isAtChance(agreement);
  const present = table.samples.filter((count) => count > 0).length;
  const verdict = verdictOf(table, (label) => {
    const flow = flows[label];
    const stamp = stamps?.get(label);
    // a watermark that all of the class has is washed off, too, and what leaves then is no poison
    const leaves = stamp?.inAll ? 0 : (flow?.logP ?? 0);
    const logP = Math.min(
      0,
      Math.min(leaves, stamp?.logP ?? 0) + (stamps === undefined ? 0 : Math.log(TESTS)),
    );
    const pValue = Math.exp(logP);
    const accused = pValue <= falseAlarm && !guessing;
    const reasons = hindrances(table.samples[label]!, present, guessing, flow, stamp);
    if (pValue < DOUBT) reasons.push('doubt');
    return {
      metric: flow?.metric ?? null,
      ...(flow && { interval: flow.interval }),
      score: flow || stamp ? Math.abs(logP / Math.LN10) : null,
      pValue,
      ...(flow && { flow }),
      ...(stamp && { stamp }),
      ...(accused ? { state: 'target' } : unaccused(reasons)),
    };
  });
  return { ...verdict, ...(agreement && { agreement }) };
}

/** What keeps the tests from judging a class. */
function hindrances(
  samples: number,
  present: number,
  guessing: boolean,
  flow: FlowFinding | undefined,
  stamp: StampFinding | undefined,
): Reason[] {
  if (samples === 0) return ['no-samples'];
  const reasons: Reason[] = [];
  if (present < 2) reasons.push('no-other-class');
  if (guessing) reasons.push('observer-at-chance');
  if (samples < FEWEST) reasons.push('few-samples');
  if (flow?.why) reasons.push(flow.why);
  if (stamp?.ownLook) reasons.push('own-look');
  return reasons;
}

function unaccused(reasons: readonly Reason[]): Pick<ClassVerdict, 'state' | 'reasons'> {
  return reasons.length === 0 ? { state: 'clean' } : { state: 'undecided', reasons };
}

/** Rate of the best canary below which nothing is called clean: silence would be no news. */
const BLIND = 0.5;

/**
 * Rate of the best canary below which nobody is accused either: purification that hardly ever sends a known trigger
 * home is not shown to send poison home, and what leaves then is spoilt. Measured: at least 0.36 with trained denoisers
 * on four datasets, attacked or not; 0 with those that accused clean classes (docs/experiments.md).
 */
const HELPLESS = 1 / 8;

/** Adds the self-check: where even known triggers are missed, no class is called clean; nor a target, if nearly all are. */
export function withCanaries(verdict: Verdict, canaries: readonly CanaryFinding[]): Verdict {
  const best = canaries.length === 0 ? 1 : Math.max(...canaries.map(({ rate }) => rate));
  const doubted = new Set<ClassVerdict['state']>();
  if (best < BLIND) doubted.add('clean').add('undecided');
  if (best < HELPLESS) doubted.add('target');
  const classes = verdict.classes.map((found): ClassVerdict => {
    if (!doubted.has(found.state) || found.samples === 0) return found;
    return { ...found, state: 'undecided', reasons: [...(found.reasons ?? []), 'canaries-missed'] };
  });
  const targetLabels = doubted.has('target') ? [] : verdict.targetLabels;
  return { ...verdict, targetLabels, classes, canaries };
}

/** Puts a detector's judgements of the single classes together. */
export function verdictOf(
  table: TransitionTable,
  judge: (label: number) => Omit<ClassVerdict, 'label' | 'samples' | 'moved'>,
): Verdict {
  const classes = table.samples.map((samples, label) => ({
    label,
    samples,
    moved: table.moved[label]!,
    ...judge(label),
  }));
  return {
    targetLabels: classes.filter(({ state }) => state === 'target').map(({ label }) => label),
    classes,
    samples: table.samples.reduce((sum, count) => sum + count, 0),
  };
}
