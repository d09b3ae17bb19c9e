import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.ts';
import { fillUniform, randomKey } from '../../src/math/random.ts';
import { structuralSimilarity } from '../../src/math/ssim.ts';

function randomImage(id: string, length: number): Uint8Array {
  const values = new Float32Array(length);
  fillUniform(values, randomKey(1, id), 0, 0);
  return Uint8Array.from(values, (value) => Math.floor(value * 256));
}

/** The definition, window by window, as scikit-image has it. */
function slowSimilarity(
  a: Uint8Array,
  b: Uint8Array,
  [channels, height, width]: [number, number, number],
): number {
  const scores: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => (c * height + y + dy) * width + x + dx));
        const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
        const [ma, mb] = [mean(at.map((i) => a[i]!)), mean(at.map((i) => b[i]!))];
        const covariance = (p: Uint8Array, mp: number, q: Uint8Array, mq: number) =>
          (mean(at.map((i) => (p[i]! - mp) * (q[i]! - mq))) * 9) / 8;
        const [c1, c2] = [6.5025, 58.5225];
        scores.push(
          ((2 * ma * mb + c1) * (2 * covariance(a, ma, b, mb) + c2)) /
            ((ma * ma + mb * mb + c1) * (covariance(a, ma, a, ma) + covariance(b, mb, b, mb) + c2)),
        );
      }
    }
  }
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

describe('structuralSimilarity', () => {
  it.each<[number, number, number]>([
    [1, 3, 3],
    [1, 28, 28],
    [3, 32, 32],
    [3, 5, 11],
  ])('follows the definition on [%d, %d, %d]', (...shape) => {
    const length = shape[0] * shape[1] * shape[2];
    const [a, b] = [randomImage('a', length), randomImage('b', length)];
    expect(structuralSimilarity(a, b, shape)).toBeCloseTo(slowSimilarity(a, b, shape), 12);
    expect(structuralSimilarity(a, b, shape)).toBe(structuralSimilarity(b, a, shape));
    expect(structuralSimilarity(a, a, shape)).toBe(1);
  });

  it('refuses images that do not fit', () => {
    const image = new Uint8Array(12);
    expect(() => structuralSimilarity(image, image, [1, 2, 6])).toThrow('at least 3 by 3');
    expect(() => structuralSimilarity(image, new Uint8Array(9), [1, 3, 4])).toThrow(ShapeError);
  });
});
