import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  chooseImage,
  cosineSimilarity,
  distanceOrder,
  imageDistance,
} from '../../../src/defense/paper/selection.ts';
import { readNpy } from '../../support/npy.ts';
import { fixturePath } from '../../support/paths.ts';

interface CandidateSet {
  readonly count: number;
  readonly distance: readonly number[];
  readonly order: readonly number[];
  readonly chosen: number;
}

const GOLDEN: { quantile: number; sets: CandidateSet[] } = JSON.parse(
  readFileSync(fixturePath('parity/selection.json'), 'utf8'),
);

/** [H, W, C] to [C, H, W]. */
function channelsFirst(pixels: Uint8Array): Uint8Array {
  return Uint8Array.from(pixels, (_, i) => pixels[(i % 1024) * 3 + Math.floor(i / 1024)]!);
}

describe('selection', () => {
  const images = readNpy<Uint8Array>(fixturePath('parity/selection-images.npy')).data;
  const features = readNpy(fixturePath('parity/selection-features.npy')).data;
  const views = Array.from({ length: images.length / 3072 }, (_, i) => ({
    pixels: channelsFirst(images.subarray(i * 3072, (i + 1) * 3072)),
    features: features.subarray(i * 64, (i + 1) * 64),
  }));
  let start = 0;
  const sets = GOLDEN.sets.map((golden) => {
    const set = { golden, views: views.slice(start, start + golden.count) };
    start += golden.count;
    return set;
  });

  it.each(sets)('chooses the reference’s image of $golden.count', ({ golden, views }) => {
    const distances = views.map((view) => imageDistance(views[0]!, view, [3, 32, 32]));
    for (const [i, distance] of distances.entries()) expect(distance).toBeCloseTo(golden.distance[i]!, 7);
    expect(distanceOrder(distances)).toEqual(golden.order);
    expect(chooseImage(distances, GOLDEN.quantile)).toBe(golden.chosen);
  });

  it('keeps the order of equal distances, and chooses among few', () => {
    expect(distanceOrder([0, 0.5, 0.25, 0.5, 0.25])).toEqual([0, 2, 4, 1, 3]);
    expect(chooseImage([0], 0.8)).toBe(0);
    expect(chooseImage([0, 0.3], 0.8)).toBe(1);
    expect(chooseImage([0, 0.1, 0.3, 0.2, 0.4], 0.8)).toBe(4);
  });

  it('takes vectors without direction as unlike', () => {
    expect(cosineSimilarity([0, 0], [1, 2])).toBe(0);
    expect(cosineSimilarity([1, 0], [-2, 0])).toBe(-1);
  });
});
