// The detector against simulated datasets whose truth is known: classes that are confused pairwise, some brittler
// than others, and poison that purification sends back to where it came from.

import { describe, expect, it } from 'vitest';
import { Contingency, type TransitionTable } from '../../../src/defense/evidence/contingency.ts';
import { flowTest } from '../../../src/defense/verdict/flow-test.ts';
import { stampTest } from '../../../src/defense/verdict/stamp-test.ts';
import { conclude } from '../../../src/defense/verdict/verdict.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';
import { cellsOf } from '../../support/cells.ts';

/** The verdict of the flow test alone, at 1 %. */
const detect = (table: TransitionTable) =>
  conclude(table, 0.01, { flows: flowTest({ classes: table.classes, counts: table.destinations }) });

interface Dataset {
  readonly classes: number;
  readonly samples: number;
  /** Largest factor between the brittleness of two classes. */
  readonly brittleness: number;
  readonly poison?: { readonly target: number; readonly share: number; readonly restored: number };
}

/** Counts of one simulated dataset; similar classes are confused up to 50 times as often as unlike ones. */
function simulate({ classes, samples, brittleness, poison }: Dataset, seed: number): TransitionTable {
  const stream = new RandomStream(randomKey(seed, 'simulated table'));
  const similarity = Array.from({ length: classes * classes }, () => 50 ** stream.uniform());
  const brittle = Array.from({ length: classes }, () => brittleness ** stream.uniform());
  const count = {
    samples: new Array<number>(classes).fill(0),
    destinations: new Array<number>(classes ** 2).fill(0),
  };
  for (let i = 0; i < samples; i++) {
    const given = stream.integer(classes);
    const poisoned = poison !== undefined && stream.uniform() < poison.share;
    const label = poisoned ? poison.target : given;
    const seen =
      poisoned && stream.uniform() >= poison.restored
        ? label
        : confused(stream, given, classes, similarity, brittle);
    count.samples[label]!++;
    count.destinations[label * classes + seen]!++;
  }
  const zeros = new Array<number>(classes).fill(0);
  return {
    classes,
    samples: count.samples,
    destinations: cellsOf(count.destinations),
    known: cellsOf(count.destinations),
    moved: zeros,
    kept: {},
  };
}

/** The label that a clean sample of `given` is seen as: a tenth leaves, or more from a brittle class. */
function confused(
  stream: RandomStream,
  given: number,
  classes: number,
  similarity: readonly number[],
  brittle: readonly number[],
): number {
  if (stream.uniform() > 0.1 * brittle[given]!) return given;
  const weights = brittle.map((_, other) =>
    other === given ? 0 : similarity[Math.min(given, other) * classes + Math.max(given, other)]!,
  );
  let left = stream.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  return weights.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
}

function flaggedOf(dataset: Dataset, runs: number): number[][] {
  return Array.from({ length: runs }, (_, seed) => [...detect(simulate(dataset, seed)).targetLabels]);
}

// Fashion-MNIST, first 10,000 training images, given label × label after three rounds of purification by a small
// PyTorch denoiser (PyTorch 1.13): BadNets 3×3 at 10 % with label 0, and the clean dataset.
// biome-ignore format: one row a class
const FASHION_BADNETS = [
  864, 98, 147, 144, 96, 77, 151, 114, 85, 103,
  11, 845, 6, 36, 2, 0, 3, 0, 0, 0,
  18, 0, 696, 5, 100, 1, 91, 0, 6, 0,
  52, 12, 13, 752, 27, 0, 33, 0, 2, 0,
  6, 1, 130, 44, 599, 0, 107, 0, 2, 0,
  3, 0, 1, 4, 1, 604, 6, 225, 4, 90,
  204, 1, 186, 30, 80, 0, 399, 0, 9, 0,
  0, 0, 0, 0, 0, 12, 0, 795, 1, 74,
  2, 0, 9, 6, 4, 1, 11, 3, 807, 1,
  0, 0, 0, 0, 0, 3, 0, 36, 0, 909,
];
// biome-ignore format: one row a class
const FASHION_CLEAN = [
  842, 1, 40, 33, 6, 0, 48, 1, 3, 0,
  12, 945, 6, 33, 1, 0, 6, 0, 1, 0,
  19, 0, 839, 7, 75, 1, 81, 0, 3, 0,
  67, 15, 31, 822, 22, 0, 36, 0, 2, 0,
  9, 0, 230, 47, 577, 0, 115, 0, 3, 0,
  3, 0, 3, 3, 1, 593, 4, 254, 2, 173,
  274, 1, 258, 22, 67, 0, 405, 0, 8, 0,
  0, 0, 0, 0, 0, 13, 0, 835, 1, 137,
  7, 0, 10, 7, 2, 1, 11, 3, 882, 2,
  0, 0, 0, 1, 0, 1, 0, 19, 0, 1018,
];

describe('flowTest', () => {
  it('tells BadNets on real images from brittle classes', () => {
    const empty = new Contingency(10).table();
    const attacked = detect({ ...empty, destinations: cellsOf(FASHION_BADNETS) });
    expect(attacked.targetLabels).toEqual([0]);
    expect(attacked.classes[0]!.score!).toBeGreaterThan(25);
    const clean = detect({ ...empty, destinations: cellsOf(FASHION_CLEAN) });
    for (const { score } of [...attacked.classes.slice(1), ...clean.classes]) expect(score).toBeLessThan(0.1);
  });

  it.each([
    { classes: 10, samples: 5000, brittleness: 2 },
    { classes: 10, samples: 500, brittleness: 2 },
    { classes: 43, samples: 8000, brittleness: 1.5 },
    { classes: 2, samples: 2000, brittleness: 1.5 },
  ])('flags no class of clean datasets: $classes classes, $samples samples', (dataset) => {
    expect(flaggedOf(dataset, 100).filter((labels) => labels.length > 0)).toEqual([]);
  });

  it.each([
    { classes: 10, samples: 10_000, brittleness: 2, poison: { target: 3, share: 0.1, restored: 0.9 } },
    { classes: 10, samples: 10_000, brittleness: 1.2, poison: { target: 0, share: 0.05, restored: 0.9 } },
    { classes: 43, samples: 20_000, brittleness: 1.5, poison: { target: 42, share: 0.1, restored: 0.5 } },
  ])('flags exactly the attacked label: $classes classes, $poison.share poisoned', (dataset) => {
    const flagged = flaggedOf(dataset, 50);
    // never another one, and seldom none
    expect(flagged.flat().filter((label) => label !== dataset.poison.target)).toEqual([]);
    expect(flagged.flat().length).toBeGreaterThanOrEqual(40);
  });

  it('accuses at most at the stated rate at the edge of what is honest', () => {
    // class 0 leaves one and a half times as often as it is arrived at: 1 in 100 datasets at most
    const stream = new RandomStream(randomKey(1, 'edge'));
    let accused = 0;
    for (let run = 0; run < 1000; run++) {
      const destinations = Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 300 : 0));
      for (let i = 0; i < 300; i++) {
        const other = 1 + stream.integer(4);
        destinations[stream.uniform() < 3 / 5 ? other : other * 5]!++;
      }
      accused += detect({ ...new Contingency(5).table(), destinations: cellsOf(destinations) }).targetLabels
        .length;
    }
    expect(accused).toBeLessThanOrEqual(10);
  });

  it('accuses nobody of what an observer says that hardly knows purified images', () => {
    // counts of clean MNIST with a denoiser of 20 training steps and an observer that guesses
    // biome-ignore format: one row a class
    const blind = [
      500, 32, 132, 8, 26, 9, 124, 76, 44, 10,
      4, 721, 0, 0, 17, 0, 62, 316, 0, 8,
      364, 19, 68, 12, 36, 3, 47, 229, 194, 47,
      279, 36, 71, 4, 55, 1, 28, 215, 270, 66,
      143, 149, 38, 17, 62, 4, 173, 290, 16, 59,
      178, 25, 35, 4, 72, 2, 20, 300, 221, 79,
      247, 106, 90, 17, 55, 6, 142, 248, 46, 63,
      116, 113, 30, 19, 61, 3, 57, 464, 50, 115,
      288, 28, 126, 13, 36, 8, 89, 188, 84, 44,
      128, 133, 72, 10, 65, 3, 118, 344, 54, 101,
    ];
    const samples = new Array<number>(10).fill(1000);
    const verdict = detect({ ...new Contingency(10).table(), samples, destinations: cellsOf(blind) });
    expect(verdict.classes.map(({ state, pValue }) => [state, pValue])).toEqual(
      blind.slice(0, 10).map(() => ['undecided', 1]),
    );
  });

  it('neither accuses nor clears a class that the observer never learned, however one-way it leaves', () => {
    // counts of clean MNIST with a denoiser of 200 training steps and an observer of 4 and 8 channels, one epoch
    // biome-ignore format: one row a class
    const counts = [
      789, 16, 132, 200, 102, 234, 267, 55, 101, 72,
      0, 2113, 0, 5, 108, 0, 7, 20, 4, 4,
      459, 2, 147, 502, 33, 419, 103, 79, 134, 102,
      131, 3, 84, 1094, 18, 334, 22, 112, 114, 107,
      141, 241, 6, 7, 808, 5, 316, 282, 32, 92,
      94, 0, 67, 1017, 18, 268, 22, 137, 115, 92,
      457, 102, 21, 52, 475, 84, 525, 105, 111, 99,
      112, 131, 35, 97, 250, 15, 155, 962, 85, 228,
      607, 14, 40, 190, 163, 291, 281, 60, 157, 93,
      178, 110, 58, 107, 391, 34, 210, 533, 127, 267,
    ];
    // biome-ignore format: one row a class
    const known = [
      607, 0, 16, 0, 0, 7, 37, 0, 9, 6,
      0, 2113, 0, 0, 106, 0, 3, 10, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      18, 0, 50, 1089, 0, 194, 1, 39, 85, 71,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      38, 0, 18, 3, 0, 131, 0, 0, 5, 0,
      64, 0, 0, 0, 23, 0, 223, 4, 10, 9,
      31, 3, 3, 7, 36, 0, 108, 646, 42, 187,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    const [, , unlearned, three] = flowTest({ classes: 10, counts: cellsOf(counts), known: cellsOf(known) });
    expect(unlearned).toMatchObject({ logP: 0, blind: true });
    expect(three).toMatchObject({ logP: 0 });
    // the counts alone accuse it
    expect(flowTest({ classes: 10, counts: cellsOf(counts) })[2]!.logP).toBeLessThan(Math.log(1e-5));
  });

  it('does not accuse a large brittle class that swells small ones by what leaks from it', () => {
    const destinations = new Array<number>(100).fill(0);
    destinations[0] = 1250 - 9 * 60;
    for (let other = 1; other < 10; other++) {
      destinations[other] = 60;
      destinations[other * 10] = 1;
      destinations[other * 11] = 49;
    }
    expect(
      detect({ ...new Contingency(10).table(), destinations: cellsOf(destinations) }).targetLabels,
    ).toEqual([]);
  });

  it('says nothing where there is nothing: no samples, one class, no transitions', () => {
    for (const classes of [0, 1, 10]) {
      const verdict = detect(new Contingency(classes).table());
      expect(verdict.targetLabels).toEqual([]);
      expect(verdict.classes.every(({ metric, score }) => metric === null && score === null)).toBe(true);
    }
    const still = detect({
      ...new Contingency(2).table(),
      samples: [50, 50],
      destinations: cellsOf([50, 0, 0, 50]),
    });
    expect(still.targetLabels).toEqual([]);
    expect(still.samples).toBe(100);
  });

  it('finds poison of which each of many classes has a handful only', () => {
    const poison = { target: 7, share: 0.1, restored: 0.9 };
    for (const seed of [1, 2, 3]) {
      const few = { classes: 43, samples: 2600, brittleness: 1.2 };
      expect(detect(simulate({ ...few, poison }, seed)).targetLabels).toEqual([7]);
      expect(detect(simulate(few, seed)).targetLabels).toEqual([]);
    }
  });

  it('judges merged windows as it judges the whole', () => {
    const parts = [1, 2, 3].map((seed) =>
      simulate(
        { classes: 10, samples: 4000, brittleness: 1.5, poison: { target: 5, share: 0.1, restored: 0.9 } },
        seed,
      ),
    );
    const merge = (order: readonly number[]) => {
      const all = new Contingency(10);
      for (const i of order) all.merge(parts[i]!);
      return detect(all.table());
    };
    expect(merge([0, 1, 2])).toEqual(merge([2, 0, 1]));
    expect(merge([0, 1, 2]).targetLabels).toEqual([5]);
    expect(merge([0, 1, 2]).classes[5]!.score!).toBeGreaterThan(detect(parts[0]!).classes[5]!.score!);
  });
});

it('takes as long as what was counted, not as the square of the classes', () => {
  const counts = new Contingency(100_000);
  for (const label of [0, 1, 2, 99_999]) {
    for (let i = 0; i < 30; i++) counts.add(label, { indices: [0], labels: [label], majority: label });
    counts.add(label, { indices: [0, 1], labels: [label, 1], majority: 1 });
  }
  const merged = new Contingency(100_000);
  merged.merge(counts.table());
  const verdict = detect(merged.table());
  expect(verdict.targetLabels).toEqual([]);
  expect(verdict.classes[99_999]).toMatchObject({ label: 99_999, samples: 31 });
  const before = [0, 1, 2, 99_999, 0, 1];
  const trials = [{ stamp: { label: 2, from: 'all' as const }, before, after: before.map(() => 2) }];
  expect(stampTest(trials, 100_000, 1e-12).get(2)).toMatchObject({ hits: 5, images: 5 });
});
