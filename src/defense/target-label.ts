// Step 4 of DataElixir: which labels were attacked. A detector is a function of the additive table alone, so that
// a window, a machine or a whole dataset is judged alike. Here: the contract and the paper's own statistic.

import { divergenceFromOneHot } from '../math/divergence.ts';
import { median, medianAbsoluteDeviation } from '../math/robust.ts';
import type { TransitionTable } from './contingency.ts';

/** What a detector says of one class. */
export interface ClassVerdict {
  readonly label: number;
  /** Samples given this label. */
  readonly samples: number;
  /** Those of them that testify: their kept images carry more than one label. */
  readonly moved: number;
  /** The detector's statistic; null where the class has too little evidence for one. */
  readonly metric: number | null;
  /** How far the statistic stands out; comparable with the detector's threshold. */
  readonly score: number | null;
  readonly flagged: boolean;
}

/** What a detector says of a dataset: `verdict.json` holds it. */
export interface Verdict {
  readonly targetLabels: readonly number[];
  /** One entry a class, in order of labels. */
  readonly classes: readonly ClassVerdict[];
  readonly samples: number;
}

export type Detector = (table: TransitionTable) => Verdict;

export interface DivergenceOptions {
  /** Score above which a label is flagged; the paper's is 2. */
  readonly threshold: number;
  /** `two-sided` as in the paper flags labels that are left unusually seldom as well. */
  readonly sides: 'one-sided' | 'two-sided';
}

/**
 * The paper's detector: metric = KL(onehot_i ‖ q_i), with q_i the labels of the kept images of class i's moved
 * samples; score = deviation from the median in scaled MADs. Classes without moved samples get no metric and take
 * no part in median and MAD.
 */
export function divergenceDetector({ threshold, sides }: DivergenceOptions): Detector {
  return (table) => {
    const metrics = Array.from({ length: table.classes }, (_, label) => divergenceOf(table, label));
    const known = metrics.filter((metric) => metric !== null);
    const centre = median(known);
    const spread = medianAbsoluteDeviation(known, centre);
    return verdictOf(table, (label) => {
      const metric = metrics[label]!;
      if (metric === null) return { metric, score: null, flagged: false };
      const deviation = sides === 'two-sided' ? Math.abs(metric - centre) : metric - centre;
      const score = deviation / 1.4826 / (spread + 1e-6);
      return { metric, score, flagged: score > threshold };
    });
  };
}

/** Puts a detector's judgements of the single classes together. */
export function verdictOf(
  table: TransitionTable,
  judge: (label: number) => Pick<ClassVerdict, 'metric' | 'score' | 'flagged'>,
): Verdict {
  const classes = table.samples.map((samples, label) => ({
    label,
    samples,
    moved: table.moved[label]!,
    ...judge(label),
  }));
  return {
    targetLabels: classes.filter((verdict) => verdict.flagged).map((verdict) => verdict.label),
    classes,
    samples: table.samples.reduce((sum, count) => sum + count, 0),
  };
}

function divergenceOf({ classes, moved, kept }: TransitionTable, label: number): number | null {
  if (moved[label] === 0) return null;
  return divergenceFromOneHot(kept.slice(label * classes, (label + 1) * classes), label);
}
