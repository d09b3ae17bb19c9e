// The test for dirty-label poisoning, whatever its trigger. Honest confusions go both ways: where purified shirts are
// seen as coats, purified coats are seen as shirts. Poison goes one way: it came from many classes into the target
// label, and purification sends it home to all of them, while nothing comes back. So the test asks, destination by
// destination, whether far more of a class's samples leave than arrive, and accuses the class only when that holds
// for more than half of the others (or of ten groups of them, where they are more). Labels are those of the calibrated
// observer, because an observer that never saw purified images empties some classes one way, too. And only what the
// observer called by the given label before it was purified can leave: a trigger that it obeys did that, while a class
// that it never learned leaves everywhere without one.

import { logBinomialTail, wilsonInterval } from '../../math/binomial.ts';
import { combineLogPs } from '../../math/fisher.ts';
import { median } from '../../math/robust.ts';
import { calibratedLabel, calibrationOf } from '../evidence/calibration.ts';
import { addCell, type Cells, cellAt, type MutableCells, sumsOf } from '../evidence/cells.ts';
import type { ScoreTable } from '../evidence/score-sample.ts';
import type { Reason } from './reasons.ts';

/** Counts of samples by given label (row) and by label after purification (column). */
export interface FlowTable {
  readonly classes: number;
  readonly counts: Cells;
  /** Of them the samples whose raw image the observer calls by the given label; all where left out. */
  readonly known?: Cells;
}

/** What the test says of one class. */
export interface FlowFinding {
  /** Share of leaving samples among those that leave or arrive; ½ is balance. */
  readonly metric: number;
  /** 95 % interval of it. */
  readonly interval: readonly [low: number, high: number];
  /** ln of the p-value, corrected for the number of classes; 0 where the observer is blind. */
  readonly logP: number;
  /** Whether the observer knows too little of the class, or of purified images, to accuse or clear it. */
  readonly blind: boolean;
  /** What it knows too little of. */
  readonly why?: Extract<Reason, 'class-unknown' | 'purified-unknown' | 'washed-out'>;
}

/** So many times as many may leave as arrive before it counts as evidence: honest classes differ in brittleness. */
export const HONEST_RATIO = 1.5;

/** A class that is larger than another sends it more, in proportion and a bit beyond. */
const SIZE_SLACK = 1.25;

/**
 * An observer that hardly knows what purification leaves calls it a few labels, and all others are drained one way, as
 * by poison. So the other classes must be recognised by this mean share of their samples, and a class that is accused
 * must be seen at least so often, against the median class: poison is sent home, but the class's own samples stay. And
 * of the class itself this share must be recognised before purification, poison included.
 */
const LEAST_RECALL = 1 / 3;
const LEAST_SEEN = 0.05;

/**
 * Destinations are pooled to so many groups at most. Where classes are many, each gets a handful of the poison, and
 * half of those say nothing alone; pooled they do, and a brittle class still leaks into few groups only.
 */
const MOST_GROUPS = 10;

/** Counts where the samples go in the eyes of an observer that is calibrated on these very samples. */
export function calibratedFlows(sample: ScoreTable): FlowTable {
  const { classes, labels, raws, scores } = sample;
  const counts: MutableCells = {};
  const known: MutableCells = {};
  if (labels.length === 0) return { classes, counts, known };
  const calibration = calibrationOf(sample);
  labels.forEach((label, n) => {
    const name = calibratedLabel(calibration, scores.subarray(n * classes, (n + 1) * classes));
    addCell(counts, label, name);
    if (raws[n] === label) addCell(known, label, name);
  });
  return { classes, counts, known };
}

/**
 * Tests every class; undefined for those that no sample leaves or enters.
 *
 * The p-value of one destination is the binomial tail of the samples that leave for it, among those that leave and
 * arrive, against three leaving for two arriving, or more where the class is much the larger one. The class's own size
 * is that after purification, because poison swells a label as given; another's is the smaller one, because what
 * leaks from a large class swells a small one as purified. More than ten destinations are pooled. The p-values of the least conspicuous half of the
 * destinations are combined by Fisher's method: a test of the partial conjunction that more than half of them receive
 * too much (Benjamini and Heller 2008), which no single leak of a brittle class can satisfy.
 */
export function flowTest(table: FlowTable): (FlowFinding | undefined)[] {
  const sums = flowSums(table);
  return sums.given.map((_, label) => flowOf(label, table, sums));
}

/** What the test needs of the whole table. */
export interface FlowSums {
  /** [C] samples by given label, those of them that the observer knows, and samples by label after purification. */
  readonly given: readonly number[];
  readonly known: readonly number[];
  readonly seen: readonly number[];
  /** [C] share of a class's samples that stay; undefined where it has none. */
  readonly recalls: readonly (number | undefined)[];
  /** Labels that some samples have, both before and after purification; others say nothing. */
  readonly speaking: readonly number[];
  /** Samples as which a class must be seen. */
  readonly least: number;
}

export function flowSums({ classes, counts, known = counts }: FlowTable): FlowSums {
  const { rows: given, columns: seen } = sumsOf(counts, classes);
  const recalls = given.map((count, label) =>
    count === 0 ? undefined : cellAt(counts, label, label) / count,
  );
  return {
    given,
    known: sumsOf(known, classes).rows,
    seen,
    recalls,
    speaking: [...seen.keys()].filter((label) => Math.min(seen[label]!, given[label]!) > 0),
    least: LEAST_SEEN * median(seen.filter((_, label) => given[label]! > 0)),
  };
}

/** The finding of one class. */
export function flowOf(label: number, table: FlowTable, sums: FlowSums): FlowFinding | undefined {
  const { classes, counts, known = counts } = table;
  const size = sums.seen[label]!;
  if (size === 0 && sums.given[label] === 0) return undefined;
  const others = sums.speaking.flatMap((other) => {
    const otherSize = Math.min(sums.seen[other]!, sums.given[other]!);
    const [left, arrived] = [cellAt(known, label, other), cellAt(counts, other, label)];
    return other === label
      ? []
      : [{ left, arrived, otherSize, ratio: Math.max(HONEST_RATIO, (SIZE_SLACK * size) / otherSize) }];
  });
  const left = others.reduce((sum, flow) => sum + flow.left, 0);
  const arrived = others.reduce((sum, flow) => sum + flow.arrived, 0);
  if (left + arrived === 0) return undefined;
  const metric = left / (left + arrived);
  const interval = wilsonInterval(left, left + arrived);
  const ofOthers = sums.recalls.filter(
    (recall, other) => recall !== undefined && other !== label,
  ) as number[];
  const recall = ofOthers.reduce((sum, value) => sum + value, 0) / ofOthers.length;
  const why = blindness(sums.known[label]! / sums.given[label]!, recall, size >= sums.least);
  if (why) return { metric, interval, logP: 0, blind: true, why };
  const logPs = pooled(others)
    .map((flow) => logBinomialTail(flow.left, flow.left + flow.arrived, flow.ratio / (1 + flow.ratio)))
    .sort((a, b) => a - b);
  const logP = combineLogPs(logPs.slice(Math.floor(logPs.length / 2)));
  return { metric, interval, logP: Math.min(0, logP + Math.log(classes)), blind: false };
}

/** @param ofOwn may be NaN: a class that has no samples is not known */
function blindness(ofOwn: number, ofOthers: number, seen: boolean): FlowFinding['why'] {
  if (!(ofOwn >= LEAST_RECALL)) return 'class-unknown';
  if (!(ofOthers >= LEAST_RECALL)) return 'purified-unknown';
  return seen ? undefined : 'washed-out';
}

/** What goes to and comes from one destination, or several. */
interface Flow {
  readonly left: number;
  readonly arrived: number;
  /** So many times as many may leave as arrive. */
  readonly ratio: number;
}

/** Destinations of like size together, at the largest of their ratios, which none exceeds by chance. */
function pooled(destinations: readonly (Flow & { readonly otherSize: number })[]): readonly Flow[] {
  const groups = Math.min(MOST_GROUPS, destinations.length);
  const bySize = destinations.toSorted((a, b) => a.otherSize - b.otherSize);
  const boundary = (group: number) => Math.floor((group * bySize.length) / groups);
  return Array.from({ length: groups }, (_, group) => {
    const flows = bySize.slice(boundary(group), boundary(group + 1));
    const total = (of: 'left' | 'arrived') => flows.reduce((sum, flow) => sum + flow[of], 0);
    const ratio = Math.max(...flows.map((flow) => flow.ratio));
    return { left: total('left'), arrived: total('arrived'), ratio };
  });
}
