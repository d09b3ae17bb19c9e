// What silence is worth: the smallest share of poison in a class that the flow test would have flagged with 95 %
// probability. Poison is added to the dataset's own counts: it comes from all other classes, the observer obeys it,
// and purification sends it home as often as it sent home the canaries of a kind. Then the very test that judges is
// asked, draw by draw. Poison that shows in its stamp alone is not counted on, so the statement is on the careful side.

import { RandomStream, randomKey } from '../../math/random.ts';
import { addCell, type Cells, type MutableCells } from '../cells.ts';
import type { CanaryFinding } from './canary.ts';
import { type FlowSums, type FlowTable, flowOf, flowSums } from './flow-test.ts';
import type { Verdict } from './verdict.ts';

/** Shares of a class that are tried. */
const SHARES = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7];

/** Draws at a share, and those of them that must be flagged. */
const DRAWS = 40;
const ENOUGH = 38;

/** Smallest share of poison in a class that would have been flagged, in (0, 1), by kind of canary; null where none. */
export type Power = Readonly<Record<string, number | null>>;

/** Adds to each class what would have been found in it. @param level p-value from which on the flow test accuses */
export function withPower(verdict: Verdict, table: FlowTable, level: number): Verdict {
  const { canaries = [] } = verdict;
  const sums = flowSums(table);
  const classes = verdict.classes.map((found) => {
    const { label, samples } = found;
    const powerTo = ({ trigger, rate }: CanaryFinding) => [
      trigger,
      leastShare(label, table, sums, rate, level),
    ];
    const power: Power = samples === 0 ? {} : Object.fromEntries(canaries.map(powerTo));
    return { ...found, power };
  });
  return { ...verdict, classes };
}

/**
 * The smallest of the tried shares that is flagged in 95 % of the draws; null where none is.
 *
 * @param rate probability, in [0, 1], that purification sends a poisoned sample home
 */
export function leastShare(
  label: number,
  table: FlowTable,
  sums: FlowSums,
  rate: number,
  level: number,
): number | null {
  const flagged = (share: number) => {
    let hits = 0;
    for (let draw = 0; draw < DRAWS; draw++)
      hits += isFlagged(label, table, sums, share, rate, level, draw) ? 1 : 0;
    return hits >= ENOUGH;
  };
  // the more poison the surer: halved until one is left
  let [low, high] = [0, SHARES.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (flagged(SHARES[middle]!)) high = middle;
    else low = middle + 1;
  }
  return SHARES[low] ?? null;
}

function isFlagged(
  label: number,
  table: FlowTable,
  sums: FlowSums,
  share: number,
  rate: number,
  level: number,
  draw: number,
): boolean {
  const homes = sums.speaking.filter((other) => other !== label);
  const weights = homes.map((other) => sums.given[other]!);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return false;
  const poison = Math.round((share / (1 - share)) * sums.given[label]!);
  const random = new RandomStream(randomKey(label, 'power'), draw);
  const row: MutableCells = {};
  const seen = [...sums.seen];
  for (let n = 0; n < poison; n++) {
    const home = random.uniform() < rate ? homes[drawn(weights, total * random.uniform())]! : label;
    addCell(row, label, home);
    seen[home]!++;
  }
  const added = (list: readonly number[]) => list.map((count, at) => (at === label ? count + poison : count));
  const given = added(sums.given);
  const known = added(sums.known);
  const { counts, known: knownCells = counts } = table;
  const poisoned = { ...table, counts: plusRow(counts, label, row), known: plusRow(knownCells, label, row) };
  const finding = flowOf(label, poisoned, { ...sums, seen, given, known });
  return finding !== undefined && finding.logP <= Math.log(level);
}

/** Index of the weight that a point of their sum falls into. */
function drawn(weights: readonly number[], point: number): number {
  let sum = 0;
  const found = weights.findIndex((weight) => {
    sum += weight;
    return point < sum;
  });
  return found < 0 ? weights.length - 1 : found;
}

/** Cells with counts added to one row. */
function plusRow(cells: Cells, label: number, more: Cells): Cells {
  const row: Record<number, number> = { ...cells[label] };
  for (const [column, count] of Object.entries(more[label] ?? {})) {
    row[Number(column)] = (row[Number(column)] ?? 0) + count;
  }
  return { ...cells, [label]: row };
}
