import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { expectWeights, packWeights, unpackWeights } from '../../src/weights/weights.ts';

const expected = [
  { name: 'a', shape: [2, 2] },
  { name: 'b', shape: [] },
];

function weights(extra: Record<string, { shape: number[]; data: Float32Array }> = {}): Weights {
  return new Map(
    Object.entries({
      b: { shape: [], data: Float32Array.of(5) },
      a: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      ...extra,
    }),
  );
}

describe('expectWeights', () => {
  it('returns the weights in the order of the network, without batch counters', () => {
    const counter = { shape: [], data: Float32Array.of(1) };
    const fitting = expectWeights(weights({ 'bn.num_batches_tracked': counter }), expected, 'w');
    expect([...fitting.keys()]).toEqual(['a', 'b']);
  });

  it('names what is missing, unexpected and of another shape in one error', () => {
    const wrong = weights({
      a: { shape: [4], data: new Float32Array(4) },
      extra: { shape: [], data: new Float32Array(1) },
    });
    const asked = [...expected, { name: 'c', shape: [1] }];
    expect(() => expectWeights(wrong, asked, 'file.pt')).toThrow(WeightsError);
    expect(() => expectWeights(wrong, asked, 'file.pt')).toThrow(
      'expected the 3 weights of the configured network in file.pt, found missing: c; unexpected: extra; ' +
        'wrong shape: a [4] instead of [2,2]; configure the network that the file was made for',
    );
  });

  it('refuses values that are not finite', () => {
    const diverged = weights({ a: { shape: [2, 2], data: Float32Array.of(0, 0, Number.NaN, 0) } });
    expect(() => expectWeights(diverged, expected, 'w')).toThrow(/found NaN at index 2 of a/);
  });
});

describe('packWeights', () => {
  it('puts weights back to back and views them again', () => {
    const shared = packWeights(weights());
    expect(shared.names).toEqual(['b', 'a']);
    expect(shared.offsets).toEqual([0, 1]);
    expect([...new Float32Array(shared.values)]).toEqual([5, 1, 2, 3, 4]);
    const views = unpackWeights(shared, expected);
    expect(views.get('a')!.data.buffer).toBe(shared.values);
    expect(views).toEqual(new Map(weights()));
  });

  it('refuses a network that was not packed', () => {
    const shared = packWeights(weights());
    expect(() => unpackWeights(shared, [{ name: 'c', shape: [1] }])).toThrow(/found no such name/);
    expect(() => unpackWeights(shared, [{ name: 'a', shape: [5] }])).toThrow(/found 4 values/);
  });
});
