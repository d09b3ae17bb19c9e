// The test for triggers that are the same in many images, clean-label and all-to-all poisoning included. What
// purification removes from a class's images, beyond what it removes from others, is laid onto other images, and the
// observer is asked again: if that was a trigger, they are called the target, or each class is called another one. No
// honest class's texture does that. It is a counterfactual on the model itself: it needs no ground truth, and for a
// trigger that keeps its label not even a flip.

import { wilsonInterval } from '../../math/binomial.ts';
import { eachHeld, type Held, heldAgainst } from './own-look.ts';
import {
  HONEST_RATE,
  honestRate,
  logPOf,
  permutationOf,
  type StampTrial,
  tableOfTrial,
} from './stamp-trial.ts';

/** The stamp that accuses a class most. */
export interface StampFinding extends Held {
  /** Class that the stamp was recovered from; another than the accused one with all-to-all poisoning. */
  readonly recoveredFrom: number;
  /** `one`: images become the class that the stamp came from. `each`: each class's images become another one. */
  readonly way: 'one' | 'each';
  /** Images that the stamp was laid onto. */
  readonly images: number;
  /** Those that obeyed it. */
  readonly hits: number;
  readonly rate: number;
  /** 95 % interval of the rate. */
  readonly interval: readonly [low: number, high: number];
  /** Whether it works, but no better than what the class itself looks like, or nobody could compare. */
  readonly ownLook?: true;
}

/** Classes whose stamps are held against controls, the most suspicious first; each costs purifying some of its samples. */
const MOST_COMPARED = 4;

/** Images a class, on average, from which on it can be seen where each class goes. */
const FEWEST_A_CLASS = 5;

/** Share of the labels that must be targets: where a stamp spoils one large class, it is not each class that goes elsewhere. */
const MOST_LABELS = 0.5;

/**
 * The trials whose stamps work so well that they must be told from their class's own look: those of the most suspicious
 * classes that are to be given controls.
 *
 * @param level p-value from which on a stamp would accuse
 */
export function suspicious<T extends StampTrial>(
  trials: readonly T[],
  classes: number,
  level: number,
): readonly T[] {
  const suspects = judged(trials, classes)
    .map(({ trial, logP, each }) => ({ trial, logP: Math.min(logP, each?.logP ?? 0) }))
    .filter(({ logP }) => logP <= Math.log(level))
    .sort((a, b) => a.logP - b.logP);
  const labels = [...new Set(suspects.map(({ trial }) => trial.stamp.label))].slice(0, MOST_COMPARED);
  return suspects.map(({ trial }) => trial).filter(({ stamp }) => labels.includes(stamp.label));
}

/**
 * Judges all trials.
 *
 * @param level p-value from which on a stamp would accuse: it needs controls then
 * @returns by label, what accuses it most; labels that no stamp speaks of are left out
 */
export function stampTest(
  trials: readonly StampTrial[],
  classes: number,
  level: number,
): Map<number, StampFinding> {
  const findings = new Map<number, StampFinding>();
  const note = (accused: number, finding: Omit<StampFinding, 'rate' | 'interval'>) => {
    const { hits, images, logP } = finding;
    const before = findings.get(accused);
    if (images === 0) return;
    const told = { ...finding, rate: hits / images, interval: wilsonInterval(hits, images) };
    const most = before && before.logP <= logP ? before : told;
    // what accuses comes before what only looks so
    const marks = most.logP > Math.log(level) ? { ...marksOf(before), ...marksOf(finding) } : {};
    findings.set(accused, { ...most, ...marks });
  };
  const accuses = (logP: number) => logP <= Math.log(level);
  const compared = (logP: number, held: () => Held): Held & Marks => {
    if (!accuses(logP)) return { logP };
    const left = held();
    return accuses(left.logP) ? left : { ...left, ownLook: true };
  };
  const stamps = trials.length;
  for (const { trial, table, rate, logP, each } of judged(trials, classes)) {
    const { label } = trial.stamp;
    const [hits, images] = [table.arrived(label), table.others(label)];
    const one = compared(logP, () => heldAgainst(trial, { hits, images, rate, stamps }));
    note(label, { recoveredFrom: label, way: 'one', images, hits, ...one });
    if (!each) continue;
    const all = { recoveredFrom: label, way: 'each', images: table.images, hits: each.hits } as const;
    const held = compared(each.logP, () => eachHeld(trial, each.hits, stamps));
    for (const target of each.targets) note(target, { ...all, ...held });
  }
  return findings;
}

/** Where each class's images become another one. */
interface Each {
  readonly hits: number;
  readonly targets: readonly number[];
  /** Without controls. */
  readonly logP: number;
}

/** Every trial with its table, the rate that an honest stamp might reach, and what it says without controls. */
function judged<T extends StampTrial>(trials: readonly T[], classes: number) {
  return trials.map((trial) => {
    const table = tableOfTrial(trial);
    const { label } = trial.stamp;
    const rate = honestRate(trials, label);
    return {
      trial,
      table,
      rate,
      logP: logPOf(table.arrived(label), table.others(label), rate, trials.length),
      each: eachOf(table, classes, trials.length),
    };
  });
}

/** Undefined where it cannot be seen, or too few labels are targets. */
function eachOf(table: ReturnType<typeof tableOfTrial>, classes: number, stamps: number): Each | undefined {
  if (table.images < FEWEST_A_CLASS * classes) return undefined;
  const { hits, targets } = permutationOf(table);
  if (targets.length < MOST_LABELS * Object.keys(table.rows).length) return undefined;
  return { hits, targets, logP: logPOf(hits, table.images, HONEST_RATE, stamps) };
}

type Marks = Pick<StampFinding, 'ownLook' | 'inAll'>;

function marksOf({ ownLook, inAll }: Marks = {}): Marks {
  return { ...(ownLook && { ownLook }), ...(inAll && { inAll }) };
}
