import { expect, it } from 'vitest';
import { minimise } from '../../../src/attacks/trained/minimise.ts';
import * as op from '../../../src/graph/operators.ts';
import type { Scope } from '../../../src/networks/scope.ts';
import { OnnxEngine } from '../../../src/runtime/onnx-engine.ts';

/** Mean of (w·scale − target)², whose minimum is w = target / scale. */
function squares(scope: Scope) {
  const { g } = scope;
  const w = scope.parameter('w', [3], { bound: 1 });
  const scale = scope.parameter('scale', [3], { bound: 1 });
  const error = op.sub(g, op.mul(g, w, scale), g.input('target', [3]));
  return op.mean(g, op.mul(g, error, error), [0]);
}

const problem = {
  loss: squares,
  // The shards disagree, their mean is 2, 4, 6.
  feeds: (_: number, shard: number) => ({
    target: Float32Array.of(1 + 2 * shard, 3 + 2 * shard, 5 + 2 * shard),
  }),
  fixed: new Map([['scale', { shape: [3], data: Float32Array.of(1, 2, 4) }]]),
  steps: 400,
  learningRate: 0.1,
  seed: 1,
};

it('finds the minimum of the mean over shards, with fixed weights as they are', async () => {
  const losses: number[] = [];
  const found = await minimise(new OnnxEngine(), { ...problem, onStep: (_, loss) => losses.push(loss) });
  expect([...found.keys()]).toEqual(['w']);
  [2, 2, 1.5].forEach((value, i) => {
    expect(found.get('w')!.data[i]).toBeCloseTo(value, 2);
  });
  expect(losses.length).toBe(400);
  expect(losses.at(-1)).toBeCloseTo(1, 3);
});

it('starts where it is told, and keeps weights where they are projected', async () => {
  const start = new Map([['w', { shape: [3], data: Float32Array.of(7, 8, 9) }]]);
  const none = await minimise(new OnnxEngine(), { ...problem, start, steps: 0 });
  expect([...none.get('w')!.data]).toEqual([7, 8, 9]);
  const project = (weights: typeof none) =>
    weights.get('w')!.data.forEach((value, i, all) => {
      all[i] = Math.min(value, 1.75);
    });
  const found = await minimise(new OnnxEngine(), { ...problem, project });
  [1.75, 1.75, 1.5].forEach((value, i) => {
    expect(found.get('w')!.data[i]).toBeCloseTo(value, 2);
  });
});
