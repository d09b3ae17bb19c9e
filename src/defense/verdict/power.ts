// What silence is worth: the smallest share of poison in a class that the flow test would have flagged with 95 %
// probability. Poison is added to the dataset's own counts: it comes from all other classes, the observer obeys it,
// and purification sends it home as often as it sent home the canaries of a kind. Then the very test that judges is
// asked, draw by draw. What stamps would have found is asked in `stamp-power.ts`.

import { RandomStream, randomKey } from '../../math/random.ts';
import type { Cells } from '../evidence/cells.ts';
import { type CanaryFinding, LEARNED, leavingRate } from './canary.ts';
import { type FlowSums, type FlowTable, flowOf } from './flow-test.ts';
import type { Reason } from './reasons.ts';
import type { Power, Verdict } from './verdict.ts';

/** Shares of a class that are tried: where not even half of a class would show, silence says nothing of it. */
export const SHARES = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];

/** Draws at a share, and those of them that need not be flagged. */
const DRAWS = 40;
const MOST_MISSED = 2;

/**
 * The power of the flow test in one class.
 *
 * @param level p-value from which on the flow test accuses
 */
export async function flowPower(
  label: number,
  table: FlowTable,
  sums: FlowSums,
  canaries: readonly CanaryFinding[],
  level: number,
): Promise<Power> {
  const power: Record<string, number | null> = {};
  for (const canary of canaries)
    power[canary.trigger] = await leastShare(label, table, sums, leavingRate(canary), level);
  return power;
}

/** Adds to each class what would have been found in it, by label, and calls none clean in which nothing would. */
export function withPower(verdict: Verdict, powers: readonly Power[]): Verdict {
  const taught = (verdict.canaries ?? []).flatMap(({ learned }) => learned ?? []);
  const unlearned = taught.length > 0 && taught.every((share) => share < LEARNED);
  const why: readonly Reason[] = unlearned ? ['no-power', 'triggers-unlearned'] : ['no-power'];
  const classes = verdict.classes.map((found) => {
    const power = powers[found.label] ?? {};
    if (found.samples === 0 || Object.keys(power).length === 0) return found;
    const mute = found.state !== 'target' && Object.values(power).every((share) => share === null);
    if (!mute) return { ...found, power };
    return { ...found, power, state: 'undecided', reasons: [...(found.reasons ?? []), ...why] } as const;
  });
  return { ...verdict, classes };
}

/**
 * The smallest of some shares, at which `shown` holds; undefined where it does not hold for the last. The more poison the
 * surer, so that few are tried.
 */
export async function leastShown(
  shares: readonly number[],
  shown: (share: number) => boolean | Promise<boolean>,
): Promise<number | undefined> {
  if (shares.length === 0 || !(await shown(shares.at(-1)!))) return undefined;
  let [low, high] = [0, shares.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await shown(shares[middle]!)) high = middle;
    else low = middle + 1;
  }
  return shares[low]!;
}

/**
 * The smallest of the tried shares that is flagged in 95 % of the draws; null where none is.
 *
 * @param rate probability, in [0, 1], that purification sends a poisoned sample home
 */
export async function leastShare(
  label: number,
  table: FlowTable,
  sums: FlowSums,
  rate: number,
  level: number,
): Promise<number | null> {
  const homes = homesOf(label, sums);
  if (rate === 0 || homes.labels.length === 0) return null;
  const isFlagged = (share: number, draw: number) => {
    const poison = Math.round((share / (1 - share)) * sums.given[label]!);
    const finding = poisonedFinding(label, table, sums, drawnRow(label, homes, poison, rate, draw), poison);
    return finding !== undefined && finding.logP <= Math.log(level);
  };
  const flagged = (share: number) => {
    let missed = 0;
    for (let draw = 0; draw < DRAWS && missed <= MOST_MISSED; draw++)
      missed += isFlagged(share, draw) ? 0 : 1;
    return missed <= MOST_MISSED;
  };
  return (await leastShown(SHARES, flagged)) ?? null;
}

/** The classes that poison may come from, and running sums of their samples. */
interface Homes {
  readonly labels: readonly number[];
  readonly sums: Float64Array;
}

function homesOf(label: number, { speaking, given }: FlowSums): Homes {
  const labels = speaking.filter((other) => other !== label);
  let sum = 0;
  return {
    labels,
    sums: Float64Array.from(labels, (other) => {
      sum += given[other]!;
      return sum;
    }),
  };
}

/** Where some poison of a class is seen after purification: at home, or still in the class. */
function drawnRow(
  label: number,
  homes: Homes,
  poison: number,
  rate: number,
  draw: number,
): Map<number, number> {
  const random = new RandomStream(randomKey(label, 'power'), draw);
  const row = new Map<number, number>();
  for (let n = 0; n < poison; n++) {
    const seen = random.uniform() < rate ? drawnHome(homes, random.uniform()) : label;
    row.set(seen, (row.get(seen) ?? 0) + 1);
  }
  return row;
}

/** @param point in [0, 1) */
function drawnHome({ labels, sums }: Homes, point: number): number {
  const at = point * sums.at(-1)!;
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (sums[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return labels[low]!;
}

/** What the flow test says of a class with so much poison more. */
function poisonedFinding(
  label: number,
  table: FlowTable,
  sums: FlowSums,
  more: ReadonlyMap<number, number>,
  poison: number,
) {
  const { counts, known = counts } = table;
  const seen = [...sums.seen];
  for (const [other, count] of more) seen[other]! += count;
  const plusRow = (cells: Cells): Cells => {
    const row: Record<number, number> = { ...cells[label] };
    for (const [other, count] of more) row[other] = (row[other] ?? 0) + count;
    return { ...cells, [label]: row };
  };
  const plus = (list: readonly number[]) => list.with(label, list[label]! + poison);
  const poisoned = { ...table, counts: plusRow(counts), known: plusRow(known) };
  return flowOf(label, poisoned, { ...sums, seen, given: plus(sums.given), known: plus(sums.known) });
}
