// The default detector. Honest confusions go both ways: where purified shirts are seen as coats, purified coats are
// seen as shirts. Poison goes one way: it came from many classes into the target label, and purification sends it
// home to all of them, while nothing comes back. So the test asks, destination by destination, whether far more of a
// class's samples leave than arrive, and accuses the class only when that holds for more than half of the others.

import { logBinomialTail } from '../math/binomial.ts';
import { combineLogPs } from '../math/fisher.ts';
import type { TransitionTable } from './contingency.ts';
import { type Detector, verdictOf } from './target-label.ts';

export interface AsymmetryOptions {
  /** −log₁₀ of the corrected p-value above which a label is flagged; 2 is one false alarm in a hundred datasets. */
  readonly threshold: number;
}

/** So many times as many may leave as arrive before it counts as evidence: honest classes differ in brittleness. */
const HONEST_RATIO = 1.5;

/**
 * Flags labels whose samples leave for most other labels without being replaced from there.
 *
 * The p-value of one destination is the binomial tail of the samples that leave for it, among those that leave and
 * arrive, against a share of 3 in 5. The p-values of the least conspicuous half of the destinations are combined by
 * Fisher's method: a test of the partial conjunction that more than half of them receive too much (Benjamini and
 * Heller 2008), which no single leak of a brittle class can satisfy. `score` is −log₁₀ of the result times the number
 * of classes; `metric` the share of leaving ones among all samples that leave or arrive (½ is balance).
 */
export function asymmetryDetector({ threshold }: AsymmetryOptions): Detector {
  return (table) =>
    verdictOf(table, (label) => {
      const flows = flowsOf(table, label);
      const left = flows.reduce((sum, flow) => sum + flow.left, 0);
      const moving = flows.reduce((sum, flow) => sum + flow.left + flow.arrived, 0);
      if (moving === 0) return { metric: null, score: null, flagged: false };
      const logPs = flows.map(logPOfFlow).sort((a, b) => a - b);
      const logP = combineLogPs(logPs.slice(Math.floor(flows.length / 2)));
      const score = Math.max(0, -(logP + Math.log(table.classes)) / Math.LN10);
      return { metric: left / moving, score, flagged: score > threshold };
    });
}

/** Samples that go one way and the other between two labels. */
interface Flow {
  readonly left: number;
  readonly arrived: number;
}

/** Flows between a label and every other one. */
function flowsOf({ classes, destinations }: TransitionTable, label: number): Flow[] {
  const others = Array.from({ length: classes }, (_, other) => other).filter((other) => other !== label);
  return others.map((other) => ({
    left: destinations[label * classes + other]!,
    arrived: destinations[other * classes + label]!,
  }));
}

function logPOfFlow({ left, arrived }: Flow): number {
  return logBinomialTail(left, left + arrived, HONEST_RATIO / (1 + HONEST_RATIO));
}
