import { describe, expect, it } from 'vitest';
import { type ImageShape, interleave, planar } from '../../src/datasets/sample.ts';

describe('planar and interleave', () => {
  it.each<ImageShape>([
    [1, 2, 3],
    [3, 2, 3],
  ])('are each the way back of the other, [%i, %i, %i]', (...shape) => {
    const pixels = Uint8Array.from({ length: shape[0] * 6 }, (_, i) => 40 + 7 * i);
    expect(planar(interleave(pixels, shape), shape)).toEqual(pixels);
  });

  it('put channels side by side, and leave out those that the shape has not', () => {
    const [red, green, blue] = [Uint8Array.of(1, 2), Uint8Array.of(11, 12), Uint8Array.of(21, 22)];
    expect([...interleave(Uint8Array.of(...red, ...green, ...blue), [3, 1, 2])]).toEqual([
      1, 11, 21, 2, 12, 22,
    ]);
    const withAlpha = [1, 11, 21, 255, 2, 12, 22, 255];
    expect([...planar(withAlpha, [3, 1, 2], 4)]).toEqual([...red, ...green, ...blue]);
  });
});
