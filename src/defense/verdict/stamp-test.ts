// The test for triggers that are the same in many images, clean-label and all-to-all poisoning included. What
// purification removes from a class's images, beyond what it removes from others, is laid onto other images, and the
// observer is asked again: if that was a trigger, they are called the target, or each class is called another one. No
// honest class's texture does that. It is a counterfactual on the model itself: it needs no ground truth, and for a
// trigger that keeps its label not even a flip.

import { logBinomialTail, wilsonInterval } from '../../math/binomial.ts';
import { addCell, type MutableCells } from '../evidence/cells.ts';
import { contrastError, contrastOf, type ResidualSums, type Residuals } from '../evidence/residuals.ts';
import { areStrangers, logPOfAgreement, type Refit, type Renamed } from './refit.ts';
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

/** The stamp that accuses a class most. */
export interface StampFinding {
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
  /** Shares of the images that obeyed its replica and the best placebo, where it was held against them. */
  readonly replica?: number;
  readonly placebo?: number;
  /** Share that obeyed it with an observer that never learned the suspects, and what that observer calls these. */
  readonly refit?: number;
  readonly renamed?: Renamed;
  /** Whether it works, but no better than what the class itself looks like, or nobody could compare. */
  readonly ownLook?: true;
  /** Whether even the samples that show it least teach it: all of the class has it, as a watermark or a look. */
  readonly inAll?: true;
  /** ln of the p-value, corrected for the number of stamps and of ways to obey. */
  readonly logP: number;
}

/** Fewest samples whose mean residual is worth trying. */
const FEWEST = 20;

/**
 * Only a part of the averaged samples carries the trigger, and purification may leave some of it, so their mean shows
 * it fainter than it is. Honest samples that moved differ more from others than whole classes do, so they bear less.
 */
const GAINS = { moved: 2, all: 4 } as const;

/**
 * Where poison is rare, or shows the trigger faintly or in parts and tests show it whole (Qi et al. 2023), its mean is
 * too faint for any such gain. So the values that stand out by so many standard errors are tried alone, the largest of
 * them at this strength, in 8-bit pixel values. Honest samples that moved have no such values that a model obeys.
 */
const OUTSTANDING_ERRORS = 3;
const OUTSTANDING_STRENGTH = 128;

/** Share of images that might obey a stamp of which nothing speaks for more. */
const HONEST_RATE = 1 / 3;

/**
 * Some observers call whatever is spoilt by one label, and then any stamp sends images there. So many times as many
 * must obey a class's own stamp as go to the class with the stamps of others, in the median.
 */
const BEYOND_OTHERS = 1.5;
const MOST_EXPECTED = 0.9;

/**
 * A class whose images are all alike is told by its look. So many times as many images must obey a stamp as obey its
 * controls.
 */
const BEYOND_CONTROLS = 2.5;

/** Classes whose stamps are held against controls, the most suspicious first; each costs purifying some of its samples. */
const MOST_COMPARED = 4;

/** Images a class, on average, from which on it can be seen where each class goes. */
const FEWEST_A_CLASS = 5;

/**
 * Share of a source class's images that a stamp must send to a label for that label to be called its target, and share
 * of the labels that must be targets: where a stamp spoils one large class, it is not each class that goes elsewhere.
 */
const MOST = 0.5;
const MOST_LABELS = 0.5;

/** What purification removed, as far as stamps are made of it. */
export type Removed = Pick<Residuals, 'all' | 'moved' | 'allExcept' | 'stayedExcept'>;

/** The stamps to try for one class. */
export function stampsOf(residuals: Removed, label: number): Stamp[] {
  // sums over all others are not for classes that hardly occur
  if (residuals.all(label).count < FEWEST) return [];
  const candidates = [
    { from: 'moved', some: residuals.moved(label), usual: residuals.stayedExcept([label]) },
    { from: 'all', some: residuals.all(label), usual: residuals.allExcept([label]) },
  ] as const;
  return candidates
    .filter(({ some, usual }) => Math.min(some.count, usual.count) >= FEWEST)
    .flatMap(({ from, some, usual }): Stamp[] => {
      const contrast = contrastOf(some, usual);
      const whole: Stamp = { label, from, pattern: contrast.map((value) => GAINS[from] * value) };
      const outstanding = from === 'moved' ? outstandingIn(contrast, some, usual) : undefined;
      return outstanding ? [whole, { label, from: 'outstanding', pattern: outstanding }] : [whole];
    });
}

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
  const looks = (logP: number) => (logP > Math.log(level) ? ({ ownLook: true } as const) : {});
  for (const { trial, table, rate, logP: plain, each } of judged(trials, classes)) {
    const { label } = trial.stamp;
    const [hits, images] = [table.arrived(label), table.others(label)];
    const one = { recoveredFrom: label, way: 'one', images, hits } as const;
    if (plain > Math.log(level)) note(label, { ...one, logP: plain });
    else {
      const held = heldAgainst(trial, hits, images, rate, trials.length);
      note(label, { ...one, ...held, ...looks(held.logP) });
    }
    if (!each) continue;
    const all = { recoveredFrom: label, way: 'each', images: table.images, hits: each.hits } as const;
    const held = each.logP > Math.log(level) ? { logP: each.logP } : eachHeld(trial, each, trials.length);
    for (const target of each.targets) {
      note(target, { ...all, ...held, ...(each.logP <= Math.log(level) && looks(held.logP)) });
    }
  }
  return findings;
}

/**
 * What is left of a suspicion beside the controls. Without another observer nobody can tell. With it the stamp must
 * work on the first one far better; suspects that it calls something else must be called the same when they are
 * purified; and where it knows them as the class, as with clean-label poison, stamp and replica must be obeyed far more
 * often than the placebos.
 */
function heldAgainst(
  { stamp: { label }, before, controls }: StampTrial,
  hits: number,
  images: number,
  rate: number,
  stamps: number,
): Pick<StampFinding, 'replica' | 'placebo' | 'refit' | 'renamed' | 'inAll' | 'logP'> {
  if (!controls) return { logP: 0 };
  const shareOf = (after: ArrayLike<number>) => tableOf(before, after).share(label);
  const replica = shareOf(controls.replica);
  const placebo = Math.max(...controls.placebos.map(shareOf));
  if (!controls.refit) return { replica, placebo, logP: 0 };
  const refit = shareOf(controls.refit.after);
  const { renamed, others, leaving } = controls.refit;
  const told = { replica, placebo, refit, renamed };
  const sure = Math.min(hits, Math.round(replica * images));
  const byPlacebo = logPBeyond(Math.max(refit, placebo), sure, images, rate, stamps);
  if (areStrangers([renamed])) {
    const byName = Math.max(logPBeyond(refit, hits, images, rate, stamps), logPOfAgreement(renamed, others));
    if (!areStrangers(others)) return { ...told, logP: byName };
    // so few samples do not teach it any class: names need not agree where the placebos do nothing
    return { ...told, logP: Math.min(0, Math.min(byName, byPlacebo) + Math.LN2) };
  }
  const inAll = hits < BEYOND_CONTROLS * Math.min(refit, placebo) * images && !areStrangers([leaving]);
  return { ...told, logP: byPlacebo, ...(inAll && { inAll }) };
}

type Marks = Pick<StampFinding, 'ownLook' | 'inAll'>;

function marksOf({ ownLook, inAll }: Marks = {}): Marks {
  return { ...(ownLook && { ownLook }), ...(inAll && { inAll }) };
}

/**
 * The same where each class goes to another one. All other classes teach the trigger, too, so that another observer
 * says nothing: the replica must work, and placebos must not.
 */
function eachHeld(
  { before, controls }: StampTrial,
  { hits }: Pick<Each, 'hits'>,
  stamps: number,
): Pick<StampFinding, 'replica' | 'placebo' | 'logP'> {
  if (!controls) return { logP: 0 };
  const shareOf = (after: ArrayLike<number>) => permutationOf(tableOf(before, after)).hits / before.length;
  const replica = shareOf(controls.replica);
  const placebo = Math.max(...controls.placebos.map(shareOf));
  const sure = Math.min(hits, Math.round(replica * before.length));
  return { replica, placebo, logP: logPBeyond(placebo, sure, before.length, HONEST_RATE, stamps) };
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
function eachOf(table: ReturnType<typeof tableOf>, classes: number, stamps: number): Each | undefined {
  if (table.images < FEWEST_A_CLASS * classes) return undefined;
  const { hits, targets } = permutationOf(table);
  if (targets.length < MOST_LABELS * Object.keys(table.rows).length) return undefined;
  return { hits, targets, logP: logPOf(hits, table.images, HONEST_RATE, stamps) };
}

/** Share of other images that may go to a class with an honest stamp of it. */
export function honestRate(trials: readonly StampTrial[], label: number): number {
  const others = trials.filter(({ stamp }) => stamp.label !== label);
  return honestRateOf(others.map((trial) => tableOfTrial(trial).share(label)));
}

/** @param shares of the images that went there with the stamps of other classes */
function honestRateOf(shares: readonly number[]): number {
  return Math.max(HONEST_RATE, Math.min(MOST_EXPECTED, BEYOND_OTHERS * medianOf(shares)));
}

/** ln of the p-value of a stamp that was told from its class's own look. @param control share that obeys its controls */
export function logPBeyond(
  control: number,
  hits: number,
  images: number,
  rate: number,
  stamps: number,
): number {
  return logPOf(hits, images, Math.max(rate, BEYOND_CONTROLS * control), stamps);
}

/** ln of the binomial tail, corrected for so many stamps and two ways to obey. */
function logPOf(hits: number, images: number, rate: number, stamps: number): number {
  if (rate >= 1) return 0;
  return Math.min(0, logBinomialTail(hits, images, rate) + Math.log(2 * stamps));
}

const counted = new WeakMap<StampTrial, ReturnType<typeof tableOf>>();

/** What came of a stamp, counted once for all who ask. */
function tableOfTrial(trial: StampTrial) {
  const table = counted.get(trial) ?? tableOf(trial.before, trial.after);
  counted.set(trial, table);
  return table;
}

/** Cells are by label after, then by label before. */
function tableOf(before: ArrayLike<number>, after: ArrayLike<number>) {
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
function permutationOf({ rows, moved }: Pick<ReturnType<typeof tableOf>, 'rows' | 'moved'>) {
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

/** What stands out of a contrast, made strong; undefined where nothing does. */
function outstandingIn(
  contrast: Float32Array,
  some: ResidualSums,
  usual: ResidualSums,
): Float32Array | undefined {
  const kept = contrast.map((value, i) =>
    Math.abs(value) > OUTSTANDING_ERRORS * contrastError(some, usual, i) ? value : 0,
  );
  const largest = kept.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 ? kept.map((value) => (OUTSTANDING_STRENGTH / largest) * value) : undefined;
}
