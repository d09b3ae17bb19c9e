// What came of laying a stamp onto images, counted: how many went to the label that it came from, where each class
// went, and how likely that is of an honest stamp.

import { logBinomialTail } from '../../math/binomial.ts';
import { addCell, type MutableCells } from '../evidence/cells.ts';
import type { Refit } from './refit.ts';
import type { Stamp } from './stamp.ts';

/** What came of one stamp: the observer's labels before and after. */
export interface StampTrial {
  readonly stamp: Pick<Stamp, 'label' | 'from'>;
  /** [N] observer's labels of the images without it. */
  readonly before: ArrayLike<number>;
  /** [N] and with it. */
  readonly after: ArrayLike<number>;
  /** With other stamps of the same class in its place, where it had to be told from the class's own look. */
  readonly controls?: {
    /** [N] with one of the samples that answer to it most. */
    readonly replica: ArrayLike<number>;
    /** [N] each: with some of those that answer least. */
    readonly placebos: readonly ArrayLike<number>[];
    /** What an observer says that never learned the samples that answer most; left out where none was trained. */
    readonly refit?: Refit;
  };
}

/** Share of images that might obey a stamp of which nothing speaks for more. */
export const HONEST_RATE = 1 / 3;

/**
 * Some observers call whatever is spoilt by one label, and then any stamp sends images there. So many times as many
 * must obey a class's own stamp as go to the class with the stamps of others, in the median.
 */
const BEYOND_OTHERS = 1.5;
const MOST_EXPECTED = 0.9;

/** Share of a source class's images that a stamp must send to a label for that label to be called its target. */
const MOST = 0.5;

/** Share of other images that may go to a class with an honest stamp of it. */
export function honestRate(trials: readonly StampTrial[], label: number): number {
  const others = trials.filter(({ stamp }) => stamp.label !== label);
  return honestRateOf(others.map((trial) => tableOfTrial(trial).share(label)));
}

/** @param shares of the images that went there with the stamps of other classes */
function honestRateOf(shares: readonly number[]): number {
  return Math.max(HONEST_RATE, Math.min(MOST_EXPECTED, BEYOND_OTHERS * medianOf(shares)));
}

/** ln of the binomial tail, corrected for so many stamps and two ways to obey. */
export function logPOf(hits: number, images: number, rate: number, stamps: number): number {
  if (rate >= 1) return 0;
  return Math.min(0, logBinomialTail(hits, images, rate) + Math.log(2 * stamps));
}

const counted = new WeakMap<StampTrial, ReturnType<typeof tableOf>>();

/** What came of a stamp, counted once for all who ask. */
export function tableOfTrial(trial: StampTrial) {
  const table = counted.get(trial) ?? tableOf(trial.before, trial.after);
  counted.set(trial, table);
  return table;
}

/** Cells are by label after, then by label before. */
export function tableOf(before: ArrayLike<number>, after: ArrayLike<number>) {
  const moved: MutableCells = {};
  const rows: Record<number, number> = {};
  for (let i = 0; i < before.length; i++) {
    const [source, label] = [before[i]!, after[i]!];
    rows[source] = (rows[source] ?? 0) + 1;
    if (source !== label) addCell(moved, label, source);
  }
  const arrived = (label: number) => Object.values(moved[label] ?? {}).reduce((sum, count) => sum + count, 0);
  const others = (label: number) => before.length - (rows[label] ?? 0);
  const share = (label: number) => arrived(label) / Math.max(1, others(label));
  return { images: before.length, rows, moved, arrived, others, share };
}

/**
 * All-to-all poisoning: every class goes to one of its own. Each label counts what arrives from its best source only,
 * so a stamp that merely spoils images, which are then called one and the same label, scores next to nothing.
 */
export function permutationOf({ rows, moved }: Pick<ReturnType<typeof tableOf>, 'rows' | 'moved'>) {
  let hits = 0;
  const targets: number[] = [];
  for (const [label, sources] of Object.entries(moved)) {
    const arrivals = Object.entries(sources);
    const most = Math.max(...arrivals.map(([, count]) => count));
    hits += most;
    const [source] = arrivals.find(([, count]) => count === most)!;
    if (most >= MOST * rows[Number(source)]!) targets.push(Number(label));
  }
  return { hits, targets };
}

/** 0 of nothing. */
function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
