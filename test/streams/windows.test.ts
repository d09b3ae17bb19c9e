// Estimates of windows against streams whose attack begins late: records of classes that are confused at random, and
// from some sample on samples of all classes that were given the target's label.

import { from, lastValueFrom, map, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { calibratedFlows, flowTest } from '../../src/defense/verdict/flow-test.ts';
import { conclude, type Detector } from '../../src/defense/verdict/verdict.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import type { TransitionRecord } from '../../src/ports/records.ts';
import { type Detection, estimate } from '../../streams/stages/detect.ts';

const CLASSES = 6;
const TARGET = 4;

interface Late {
  readonly windows: number;
  /** Samples a window. */
  readonly size: number;
  /** Window from which on a share of the samples is poisoned. */
  readonly begin: number;
  readonly share: number;
}

function* records({ windows, size, begin, share }: Late, seed: number): Generator<TransitionRecord> {
  const random = new RandomStream(randomKey(seed, 'late attack'));
  for (let n = 0; n < windows * size; n++) {
    const own = random.integer(CLASSES);
    const seen = random.uniform() < 0.1 ? random.integer(CLASSES) : own;
    const label = n >= begin * size && random.uniform() < share ? TARGET : own;
    const scores = Array.from({ length: CLASSES }, (_, other) => {
      return (other === seen ? -0.2 : -4) - random.uniform();
    });
    yield { id: `s${n}`, label, raw: label, labels: [[seen, seen]], scores };
  }
}

/** As the program judges records with scores. */
const calibrated: Detector = (table, scores) =>
  conclude(table, 0.01, { flows: flowTest(calibratedFlows(scores)) });

/** As the program judges records without. */
const counted: Detector = (table) =>
  conclude(table, 0.01, {
    flows: flowTest({ classes: CLASSES, counts: table.destinations, known: table.known }),
  });

/** What the estimates say after each window. */
function estimates(late: Late, detector: Detector, changes: Partial<Detection> = {}) {
  const detection = { classes: CLASSES, minority: 2, detector, window: late.size, ...changes };
  const stream = from(records(late, 2)).pipe(
    estimate(detection),
    map(({ window, count, table, recent, running, verdict }) => ({
      place: [window, count, table.samples.reduce((sum, some) => sum + some, 0)],
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

/** Windows whose estimate flags the target. */
const flagging = (flagged: readonly (readonly number[])[]) =>
  flagged.flatMap((labels, window) => (labels.includes(TARGET) ? [window] : []));

describe('estimates of windows', () => {
  it('show an attack from the window on in which it begins', async () => {
    const seen = await estimates({ windows: 4, size: 1000, begin: 2, share: 0.2 }, calibrated);
    expect(seen.map(({ place }) => place)).toEqual([0, 1, 2, 3].map((window) => [window, 1000, 1000]));
    expect(seen.map(({ recent }) => recent)).toEqual([[], [], [TARGET], [TARGET]]);
    expect(seen.every(({ same }) => same)).toBe(true);
  });

  it('see in sliding windows, and where the past fades, what one window is too small for and the whole too clean', async () => {
    const late = { windows: 24, size: 400, begin: 18, share: 0.1 };
    const alone = await estimates(late, counted);
    const wide = await estimates(late, counted, { sliding: 4, decay: 0.75 });
    expect(wide.map(({ recentSamples }) => recentSamples)).toEqual([
      ...[400, 800, 1200],
      ...Array<number>(21).fill(1600),
    ]);
    expect(flagging(alone.map(({ recent }) => recent))).toEqual([]);
    expect(flagging(wide.map(({ recent }) => recent))).toEqual([21, 22, 23]);
    expect(flagging(wide.map(({ running }) => running))).toEqual([22, 23]);
    expect(flagging(wide.map(({ verdict }) => verdict))).toEqual([]);
    // the verdict on everything is what it was
    expect(wide.map(({ verdict }) => verdict)).toEqual(alone.map(({ verdict }) => verdict));
  });

  it('flag nothing where everything is clean', async () => {
    const clean = { windows: 24, size: 400, begin: 24, share: 0 };
    const seen = await estimates(clean, counted, { sliding: 4, decay: 0.75 });
    expect(seen.flatMap(({ recent, running, verdict }) => [...recent, ...running, ...verdict])).toEqual([]);
  });
});
