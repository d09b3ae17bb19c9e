// Step 4 of DataElixir as in the paper: which labels were attacked, by how unlike a class's labels become to the label
// that was given. It is kept for comparison; it flags a class of a clean dataset in about half the runs.

import { divergenceFromOneHot } from '../../math/divergence.ts';
import { median, medianAbsoluteDeviation } from '../../math/robust.ts';
import type { TransitionTable } from '../evidence/contingency.ts';
import { type Verdict, verdictOf } from '../verdict/verdict.ts';

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
export function divergenceDetector({
  threshold,
  sides,
}: DivergenceOptions): (table: TransitionTable) => Verdict {
  return (table) => {
    const metrics = Array.from({ length: table.classes }, (_, label) => divergenceOf(table, label));
    const known = metrics.filter((metric) => metric !== null);
    const centre = median(known);
    const spread = medianAbsoluteDeviation(known, centre);
    return verdictOf(table, (label) => {
      const metric = metrics[label]!;
      if (metric === null) return { metric, score: null, state: 'undecided' };
      const deviation = sides === 'two-sided' ? Math.abs(metric - centre) : metric - centre;
      const score = deviation / 1.4826 / (spread + 1e-6);
      return { metric, score, state: score > threshold ? 'target' : 'clean' };
    });
  };
}

function divergenceOf({ moved, kept }: TransitionTable, label: number): number | null {
  if (moved[label] === 0) return null;
  return divergenceFromOneHot(kept[label]!, label);
}
