// What another observer says, which never learned the samples that answer to a stamp most. Where the stamp is what the
// class looks like, the samples that are left teach that as well, and the stamp works on this observer, too. A trigger
// does nothing any more. And without the trigger it calls poison by what it shows, which is what the first observer
// calls it once it is purified: two networks agree, one of raw images and one of purified ones. Honest samples that
// both take for something else are taken for different things, or all for the same one, and agree by chance.

import { logBinomialTail } from '../../math/binomial.ts';
import { type Named, type Ranked, strongest, weakest } from './placebo.ts';

/** Share of the samples of a class, those that answer least, that such an observer learns from. */
const LEFT = 0.25;

/** Share of them, those that answer most, that it is asked about. */
const SUSPECTED = 0.5;

/** So many times as often as by chance may both observers call honest samples by one other name. */
const BEYOND_CHANCE = 1.5;

/** What the other observer says. */
export interface Refit {
  /** [N] labels of the images with the stamp. */
  readonly after: ArrayLike<number>;
  /** What the suspects of the class are called, and those of other classes of which it learned as little. */
  readonly renamed: Renamed;
  readonly others: readonly Renamed[];
  /** What samples of the class are called whose purified images show another label. */
  readonly leaving: Renamed;
}

/** Samples of a class that teach the other observer, and some that it never sees. */
export interface Split {
  readonly left: readonly Named[];
  readonly suspects: readonly Named[];
}

/** By what answers to the stamp. */
export function splitByStamp(all: Ranked): Split {
  return { left: weakest(all, LEFT), suspects: strongest(all, SUSPECTED) };
}

/** At random, for a class that nobody suspects. @param samples in random order */
export function splitAtRandom(samples: readonly Named[]): Split {
  const count = (share: number) => Math.ceil(share * samples.length);
  return { left: samples.slice(0, count(LEFT)), suspects: samples.slice(-count(SUSPECTED)) };
}

/** What the suspects of a class are called. */
export interface Renamed {
  readonly suspects: number;
  /** Those that the other observer calls by another label than they were given. */
  readonly away: number;
  /** Those of them that the first observer calls the same when they are purified. */
  readonly agreed: number;
  /** Share of `away` that would do so by chance, given how often each name occurs. */
  readonly chance: number;
}

/** A sample's labels: by the first observer when it is purified, and by the other one as it is. */
export interface Seen {
  readonly name: number;
  readonly raw: number;
}

/** @param suspects of the class with this label */
export function renamed(label: number, suspects: readonly Seen[]): Renamed {
  const away = suspects.filter(({ raw }) => raw !== label);
  const share = (of: 'raw' | 'name', name: number) =>
    away.filter((one) => one[of] === name).length / away.length;
  const names = [...new Set(away.map((one) => one.raw))];
  return {
    suspects: suspects.length,
    away: away.length,
    agreed: away.filter((one) => one.raw === one.name).length,
    chance: names.reduce((sum, name) => sum + share('raw', name) * share('name', name), 0),
  };
}

/** Whether most suspects are called something else: then it has to be the same to both observers. */
export function areStrangers(some: readonly Renamed[]): boolean {
  return total(some, 'away') > total(some, 'suspects') / 2;
}

/**
 * ln of the p-value that so many agree by chance, or because labels were wrong before anybody attacked: as many as in
 * other classes.
 */
export function logPOfAgreement(
  { suspects, away, agreed, chance }: Renamed,
  others: readonly Renamed[],
): number {
  const wrong = (total(others, 'agreed') + 1) / (total(others, 'suspects') + 2);
  const rate = (wrong * suspects) / away + BEYOND_CHANCE * chance;
  return rate >= 1 ? 0 : logBinomialTail(agreed, away, rate);
}

function total(some: readonly Renamed[], of: 'suspects' | 'away' | 'agreed'): number {
  return some.reduce((sum, one) => sum + one[of], 0);
}
