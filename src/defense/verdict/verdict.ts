// The verdict on a dataset, and how the tests' findings become one. Each class is `clean`, `target` or `undecided`,
// with a p-value that is corrected for everything that was tried, so that a clean dataset is accused no more often
// than the stated rate.

import type { TransitionTable } from '../contingency.ts';
import type { ScoreTable } from '../score-sample.ts';
import type { CanaryFinding } from './canary.ts';
import type { FlowFinding } from './flow-test.ts';
import type { StampFinding } from './stamp-test.ts';

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
}

/** What a detector says of a dataset: `verdict.json` holds it. */
export interface Verdict {
  readonly targetLabels: readonly number[];
  /** One entry a class, in order of labels. */
  readonly classes: readonly ClassVerdict[];
  readonly samples: number;
  /** How known triggers fared; where images were looked at. */
  readonly canaries?: readonly CanaryFinding[];
}

/** A function of additive evidence alone, so that a window, a machine or a whole dataset is judged alike. */
export type Detector = (table: TransitionTable, scores: ScoreTable) => Verdict;

/** Fewest samples of a class that can be called clean. */
const FEWEST = 20;

/** p-value below which a class is not called clean, though it is no target either. */
const DOUBT = 0.1;

/**
 * Puts findings together: a class is a target when the smaller of its p-values, doubled where there are two tests, is
 * at most `falseAlarm`; undecided when there is doubt, or there are too few samples.
 */
export function conclude(
  table: TransitionTable,
  falseAlarm: number,
  flows: readonly (FlowFinding | undefined)[],
  stamps?: ReadonlyMap<number, StampFinding>,
): Verdict {
  return verdictOf(table, (label) => {
    const flow = flows[label];
    const stamp = stamps?.get(label);
    const logP = Math.min(
      0,
      Math.min(flow?.logP ?? 0, stamp?.logP ?? 0) + (stamps === undefined ? 0 : Math.LN2),
    );
    const pValue = Math.exp(logP);
    return {
      metric: flow?.metric ?? null,
      ...(flow && { interval: flow.interval }),
      score: flow || stamp ? Math.abs(logP / Math.LN10) : null,
      pValue,
      ...(flow && { flow }),
      ...(stamp && { stamp }),
      state: stateOf(pValue, falseAlarm, table.samples[label]!, flow?.blind === true),
    };
  });
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
  if (best < BLIND) doubted.add('clean');
  if (best < HELPLESS) doubted.add('target');
  const classes = verdict.classes.map(
    (found): ClassVerdict => (doubted.has(found.state) ? { ...found, state: 'undecided' } : found),
  );
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

function stateOf(pValue: number, falseAlarm: number, samples: number, blind: boolean): ClassVerdict['state'] {
  if (pValue <= falseAlarm) return 'target';
  return blind || pValue < DOUBT || samples < FEWEST ? 'undecided' : 'clean';
}
