import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.ts';
import { gradients } from '../../src/graph/gradients.ts';
import type { Op, Shape, Tensor } from '../../src/graph/graph.ts';
import { GraphBuilder } from '../../src/graph/graph.ts';
import * as op from '../../src/graph/operators.ts';
import type { NamedArrays } from '../../src/runtime/executor.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { awayFromZero, evaluate, graphOf, largest, named, relativeDifference } from '../support/graphs.ts';
import type { OperatorCase } from '../support/operator-cases.ts';
import { operatorCases } from '../support/operator-cases.ts';

type Case = Pick<OperatorCase, 'inputs' | 'build' | 'positive'>;

const WITHOUT_RULE: readonly Op[] = ['conv2dInputGrad', 'conv2dFilterGrad'];
const CONSTANT: readonly Op[] = ['step'];
const DIFFERENTIABLE = (Object.keys(operatorCases) as Op[]).filter(
  (name) => !WITHOUT_RULE.includes(name) && !CONSTANT.includes(name),
);

/** Compositions in which gradients meet, are dropped, or pass through several rules. */
const COMPOSITIONS: Readonly<Record<string, Case>> = {
  'a tensor used three times': {
    inputs: [[2, 3]],
    build: (g, [x]) => op.add(g, op.mul(g, x!, op.sin(g, x!)), op.relu(g, x!)),
  },
  'parts of one tensor': {
    inputs: [[2, 5]],
    build: (g, [x]) => op.mul(g, op.slice(g, x!, 1, 0, 3), op.slice(g, x!, 1, 2, 5)),
  },
  'broadcasting on both sides and in front': {
    inputs: [
      [3, 1, 2],
      [4, 1],
    ],
    build: (g, [a, b]) => op.mul(g, op.sub(g, a!, b!), op.div(g, a!, op.exp(g, b!))),
  },
  linear: { inputs: [[3, 4], [2, 4], [2]], build: (g, [x, w, b]) => op.linear(g, x!, w!, b!) },
  silu: { inputs: [[2, 3]], build: (g, [x]) => op.silu(g, x!) },
  'attention over a batch': {
    inputs: [
      [2, 3, 4],
      [2, 3, 4],
    ],
    build: (g, [q, v]) => {
      const weights = op.softmax(g, op.matmul(g, op.transposeLast(g, q!), q!));
      return op.matmul(g, v!, op.transposeLast(g, weights));
    },
  },
  'a constant between two inputs': {
    inputs: [[4], [4]],
    build: (g, [a, b]) => op.add(g, op.mul(g, a!, op.step(g, b!)), op.mul(g, b!, g.scalar(3))),
  },
};

/** Σ r·f(inputs) and its gradients; r is fixed and different everywhere. */
function probe({ inputs, build }: Case) {
  const g = new GraphBuilder();
  const tensors = inputs.map((shape, k) => g.input(`in${k}`, shape));
  const y = [build(g, tensors)].flat()[0] as Tensor;
  const weights = awayFromZero(y.shape, 'probe');
  const every = y.shape.map((_, axis) => axis);
  const loss = op.sum(g, op.mul(g, y, g.constant(weights, y.shape)), every);
  gradients(g, loss, tensors).forEach((gradient, k) => {
    expect(gradient.shape).toEqual(inputs[k]);
    g.output(`grad${k}`, gradient);
  });
  return { graph: g.build(), weights };
}

/** Central differences of Σ r·f, accumulated in float64; the network itself computes in float32. */
async function differences(
  { inputs, build }: Case,
  feeds: NamedArrays,
  weights: Float32Array,
  step: number,
): Promise<Float64Array[]> {
  const forward = await new OnnxEngine().load(
    graphOf(inputs, (g, tensors) => [build(g, tensors)].flat()[0] as Tensor),
  );
  const results = inputs.map((_, k) => new Float64Array(feeds[`in${k}`]!.length));
  for (const [k, result] of results.entries()) {
    const values = feeds[`in${k}`]!;
    for (let i = 0; i < values.length; i++) {
      const kept = values[i]!;
      values[i] = kept + step;
      const above = values[i]!;
      const high = (await forward.run(feeds)).out0!;
      values[i] = kept - step;
      const below = values[i]!;
      const low = (await forward.run(feeds)).out0!;
      values[i] = kept;
      const change = weights.reduce((sum, weight, j) => sum + weight * (high[j]! - low[j]!), 0);
      result[i] = change / (above - below);
    }
  }
  await forward.dispose();
  return results;
}

async function expectTrueGradients(checked: Case, name: string): Promise<void> {
  const arrays = checked.inputs.map((shape: Shape, k) =>
    awayFromZero(shape, `${name} ${k}`, checked.positive ?? false),
  );
  const { graph, weights } = probe(checked);
  const found = await evaluate(new OnnxEngine(), graph, named(arrays));
  const expected = await differences(checked, named(arrays), weights, 1 / 128);
  expected.forEach((values, k) => {
    expect(largest(values), `${name}: input ${k} must matter`).toBeGreaterThan(0);
    expect(relativeDifference(found[`grad${k}`]!, values), `${name}, input ${k}`).toBeLessThan(2e-3);
  });
}

describe('gradients', () => {
  it.each(DIFFERENTIABLE)('of %s equal finite differences', async (name) => {
    for (const operatorCase of operatorCases[name]) {
      await expectTrueGradients(operatorCase, `${name} ${operatorCase.torch}`);
    }
  });

  it.each(Object.entries(COMPOSITIONS))('of %s equal finite differences', async (name, composition) => {
    await expectTrueGradients(composition, name);
  });

  it('covers every operator', () => {
    expect(DIFFERENTIABLE.length + WITHOUT_RULE.length + CONSTANT.length).toBe(
      Object.keys(operatorCases).length,
    );
  });

  it('refuses a loss that is no scalar', () => {
    const g = new GraphBuilder();
    const x = g.input('x', [2]);
    expect(() => gradients(g, op.exp(g, x), [x])).toThrow(ShapeError);
  });

  it('refuses a tensor on which the loss does not depend', () => {
    const g = new GraphBuilder();
    const [x, y] = [g.input('x', [2]), g.input('y', [2])];
    const loss = op.sum(g, op.mul(g, x, op.step(g, y)), [0]);
    expect(() => gradients(g, loss, [y])).toThrow(/does not depend/);
  });

  it('refuses second order through a convolution', () => {
    const g = new GraphBuilder();
    const dy = g.input('dy', [1, 1, 2, 2]);
    const weight = g.input('weight', [1, 1, 1, 1]);
    const dx = op.conv2dInputGrad(g, dy, weight, [1, 1, 2, 2], { stride: 1, padding: [0, 0, 0, 0] });
    expect(() => gradients(g, op.sum(g, dx, [0, 1, 2, 3]), [dy])).toThrow(/first-order/);
  });

  it('refuses to differentiate the statistics of a normalisation', () => {
    const g = new GraphBuilder();
    const x = g.input('x', [2, 2, 2, 2]);
    const [y, deviation] = op.normalizeGroups(g, x, 1, 1e-5);
    const loss = op.add(g, op.sum(g, y, [0, 1, 2, 3]), op.sum(g, deviation, [0, 1, 2]));
    expect(() => gradients(g, op.reshape(g, loss, []), [x])).toThrow(/first output/);
  });
});
