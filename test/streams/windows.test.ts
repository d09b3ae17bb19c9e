// Estimates of windows against a stream whose attack begins half-way: records with an observer's scores, of classes
// that are confused at random, and from the middle on samples of all classes that were given the target's label.

import { from, lastValueFrom, map, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { calibratedFlows, flowTest } from '../../src/defense/flow-test.ts';
import type { Detector } from '../../src/defense/verdict.ts';
import { conclude } from '../../src/defense/verdict.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import type { TransitionRecord } from '../../streams/records.ts';
import { type Detection, estimate } from '../../streams/stages/detect.ts';

const CLASSES = 6;
const TARGET = 4;
const WINDOWS = 12;
const SIZE = 400;
const BEGIN = (WINDOWS / 2) * SIZE;

const detector: Detector = (table, scores) => conclude(table, 0.01, flowTest(calibratedFlows(scores)));
const detection: Detection = { classes: CLASSES, minority: 2, detector, window: SIZE };

/** @param share of the samples from `BEGIN` on that are poisoned */
function* records(share: number, seed: number): Generator<TransitionRecord> {
  const random = new RandomStream(randomKey(seed, 'late attack'));
  for (let n = 0; n < WINDOWS * SIZE; n++) {
    const own = random.integer(CLASSES);
    const seen = random.uniform() < 0.1 ? random.integer(CLASSES) : own;
    const poisoned = n >= BEGIN && random.uniform() < share;
    const scores = Array.from(
      { length: CLASSES },
      (_, label) => (label === seen ? -0.2 : -4) - random.uniform(),
    );
    const label = poisoned ? TARGET : own;
    yield { id: `s${n}`, label, raw: label, labels: [[seen, seen]], scores };
  }
}

/** Flagged labels after each window, by estimate. */
function estimates(share: number, changes: Partial<Detection> = {}, seed = 1) {
  const stream = from(records(share, seed)).pipe(
    estimate({ ...detection, ...changes }),
    map(({ window, count, table, recent, running, verdict }) => ({
      window,
      count,
      samples: table.samples.reduce((sum, some) => sum + some, 0),
      recent: recent.targetLabels,
      recentSamples: recent.samples,
      running: running.targetLabels,
      verdict: verdict.targetLabels,
      same: running === verdict,
    })),
    toArray(),
  );
  return lastValueFrom(stream);
}

/** First window in which the target is flagged. */
const first = (flagged: readonly (readonly number[])[]) =>
  flagged.findIndex((labels) => labels.includes(TARGET));

describe('estimates of windows', () => {
  it('shows an attack in the window in which it begins, and no attack before', async () => {
    const seen = await estimates(0.2);
    expect(seen.map(({ window, count, samples }) => [window, count, samples])).toEqual(
      Array.from({ length: WINDOWS }, (_, window) => [window, SIZE, SIZE]),
    );
    const flagged = Array.from({ length: WINDOWS }, (_, window) => (window < WINDOWS / 2 ? [] : [TARGET]));
    expect(seen.map(({ recent }) => recent)).toEqual(flagged);
    expect(seen.every(({ same }) => same)).toBe(true);
  });

  it('flags nothing in the windows of a stream that stays clean', async () => {
    const seen = await estimates(0, { sliding: 3, decay: 0.5 });
    expect(seen.flatMap(({ recent, running, verdict }) => [...recent, ...running, ...verdict])).toEqual([]);
  });

  it('finds in sliding windows, and where the past fades, what is too weak for one window or the whole', async () => {
    const alone = await estimates(0.05);
    const wide = await estimates(0.05, { sliding: 4, decay: 0.5 });
    expect(wide.map(({ recentSamples }) => recentSamples / SIZE)).toEqual([1, 2, 3, ...Array(9).fill(4)]);
    const count = (flagged: readonly (readonly number[])[]) =>
      flagged.filter(({ length }) => length > 0).length;
    expect(count(wide.map(({ recent }) => recent))).toBeGreaterThan(count(alone.map(({ recent }) => recent)));
    const fading = first(wide.map(({ running }) => running));
    expect(fading).toBeGreaterThanOrEqual(WINDOWS / 2);
    const whole = first(wide.map(({ verdict }) => verdict));
    expect(whole === -1 || fading < whole).toBe(true);
    // the verdict on everything is what it was
    expect(wide.map(({ verdict }) => verdict)).toEqual(alone.map(({ verdict }) => verdict));
  });
});
