// Reverse-mode differentiation: walks the nodes backwards and adds, to the same graph, the nodes that compute
// the gradient of a scalar. One rule an operator, each the vector-Jacobian product of its definition in
// `operators.ts`. First order only: the rules' own convolution gradients have no rules.

import { ShapeError } from '../errors.ts';
import type { GraphBuilder, Node, Op, Shape, Tensor } from './graph.ts';
import { sizeOf } from './graph.ts';
import * as op from './operators.ts';

interface Context {
  readonly g: GraphBuilder;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Node['attributes'];
  /** Which inputs need a gradient. */
  readonly needs: readonly boolean[];
}

/** Gradients of the inputs from the gradient of the first output; `undefined` where none is needed. */
type Rule = (dy: Tensor, context: Context) => readonly (Tensor | undefined)[];

/**
 * Adds the gradient of `loss` with respect to each tensor of `wrt`.
 *
 * @param loss a scalar (shape [] or one element)
 * @throws {ShapeError} when loss is no scalar, or does not depend on one of `wrt`
 */
export function gradients(g: GraphBuilder, loss: Tensor, wrt: readonly Tensor[]): readonly Tensor[] {
  if (sizeOf(loss.shape) !== 1) throw new ShapeError(`expected a scalar loss, found [${loss.shape}]`);
  const forward = [...g.nodes];
  const dependent = new Set(wrt.map((tensor) => tensor.id));
  for (const node of forward) {
    if (node.inputs.some((id) => dependent.has(id))) for (const id of node.outputs) dependent.add(id);
  }
  const byId = new Map<number, Tensor>([[loss.id, g.constant([1], loss.shape)]]);
  for (const node of forward.reverse()) {
    if (node.outputs.slice(1).some((id) => byId.has(id) && dependent.has(id))) {
      throw new ShapeError(
        `${node.op}: expected a loss that depends on its first output only, found another`,
      );
    }
    const dy = byId.get(node.outputs[0]!);
    if (!dy) continue;
    const needs = node.inputs.map((id) => dependent.has(id));
    if (!needs.includes(true)) continue;
    const context: Context = {
      g,
      inputs: node.inputs.map((id) => g.tensor(id)),
      outputs: node.outputs.map((id) => g.tensor(id)),
      attributes: node.attributes,
      needs,
    };
    const grads = rules[node.op](dy, context);
    node.inputs.forEach((id, i) => {
      const grad = grads[i];
      if (!grad || !needs[i]) return;
      const known = byId.get(id);
      byId.set(id, known ? op.add(g, known, grad) : grad);
    });
  }
  return wrt.map((tensor) => {
    const grad = byId.get(tensor.id);
    if (!grad)
      throw new ShapeError(`the loss does not depend on tensor ${tensor.id} of shape [${tensor.shape}]`);
    return grad;
  });
}

/** Undoes a broadcast: sums `x` over the axes that were repeated to get from `shape` to x.shape. */
function sumTo(g: GraphBuilder, x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.map((_, axis) => axis);
  const repeated = axes.filter((axis) => axis < lead || (shape[axis - lead] === 1 && x.shape[axis] !== 1));
  return op.reshape(g, op.sum(g, x, repeated, true), shape);
}

function geometry(attributes: Node['attributes']): op.ConvGeometry {
  return { stride: attributes.stride as number, padding: attributes.padding as unknown as op.Padding };
}

/** The axes that a per-channel reduction of [N, C, …] runs over. */
function allButChannels(x: Tensor): number[] {
  return x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
}

/** [C] as [1, C, 1, …], to broadcast against [N, C, …]. */
function perChannel(g: GraphBuilder, vector: Tensor, like: Tensor): Tensor {
  return op.reshape(
    g,
    vector,
    like.shape.map((extent, axis) => (axis === 1 ? extent : 1)),
  );
}

const reduction =
  (scale: (x: Tensor, axes: readonly number[]) => number): Rule =>
  (dy, { g, inputs: [x], attributes }) => {
    const axes = attributes.axes as readonly number[];
    const kept = op.reshape(
      g,
      dy,
      x!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)),
    );
    const factor = scale(x!, axes);
    const scaled = factor === 1 ? kept : op.mul(g, kept, g.scalar(factor));
    return [op.broadcast(g, scaled, x!.shape)];
  };

const noGradient: Rule = () => [];

function secondOrder(name: Op): Rule {
  return () => {
    throw new ShapeError(`${name} has no gradient: only first-order gradients are supported`);
  };
}

const rules: Readonly<Record<Op, Rule>> = {
  exp: (dy, { g, outputs: [y] }) => [op.mul(g, dy, y!)],
  log: (dy, { g, inputs: [x] }) => [op.div(g, dy, x!)],
  sqrt: (dy, { g, outputs: [y] }) => [op.div(g, op.mul(g, dy, g.scalar(0.5)), y!)],
  sigmoid: (dy, { g, outputs: [y] }) => [op.mul(g, dy, op.sub(g, y!, op.mul(g, y!, y!)))],
  relu: (dy, { g, outputs: [y] }) => [op.mul(g, dy, op.step(g, y!))],
  step: noGradient,
  sin: (dy, { g, inputs: [x] }) => [op.mul(g, dy, op.cos(g, x!))],
  cos: (dy, { g, inputs: [x] }) => [op.mul(g, op.mul(g, dy, op.sin(g, x!)), g.scalar(-1))],
  add: (dy, { g, inputs: [a, b], needs }) => [
    needs[0] ? sumTo(g, dy, a!.shape) : undefined,
    needs[1] ? sumTo(g, dy, b!.shape) : undefined,
  ],
  sub: (dy, { g, inputs: [a, b], needs }) => [
    needs[0] ? sumTo(g, dy, a!.shape) : undefined,
    needs[1] ? op.mul(g, sumTo(g, dy, b!.shape), g.scalar(-1)) : undefined,
  ],
  mul: (dy, { g, inputs: [a, b], needs }) => [
    needs[0] ? sumTo(g, op.mul(g, dy, b!), a!.shape) : undefined,
    needs[1] ? sumTo(g, op.mul(g, dy, a!), b!.shape) : undefined,
  ],
  div: (dy, { g, inputs: [a, b], outputs: [y], needs }) => {
    const da = op.div(g, dy, b!);
    return [
      needs[0] ? sumTo(g, da, a!.shape) : undefined,
      needs[1] ? op.mul(g, sumTo(g, op.mul(g, da, y!), b!.shape), g.scalar(-1)) : undefined,
    ];
  },
  sum: reduction(() => 1),
  mean: reduction((x, axes) => 1 / axes.reduce((count, axis) => count * x.shape[axis]!, 1)),
  reshape: (dy, { g, inputs: [x] }) => [op.reshape(g, dy, x!.shape)],
  transpose: (dy, { g, attributes }) => {
    const permutation = attributes.permutation as readonly number[];
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [op.transpose(g, dy, inverse)];
  },
  broadcast: (dy, { g, inputs: [x] }) => [sumTo(g, dy, x!.shape)],
  concat: (dy, { g, inputs, attributes, needs }) => {
    const axis = attributes.axis as number;
    let start = 0;
    return inputs.map((part, i) => {
      const end = start + part.shape[axis]!;
      const grad = needs[i] ? op.slice(g, dy, axis, start, end) : undefined;
      start = end;
      return grad;
    });
  },
  slice: (dy, { g, inputs: [x], attributes }) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    return [op.pad(g, dy, axis, start, x!.shape[axis]! - end)];
  },
  pad: (dy, { g, inputs: [x], attributes }) => {
    const { axis, before } = attributes as { axis: number; before: number };
    return [op.slice(g, dy, axis, before, before + x!.shape[axis]!)];
  },
  matmul: (dy, { g, inputs: [a, b], needs }) => [
    needs[0] ? sumTo(g, op.matmul(g, dy, op.transposeLast(g, b!)), a!.shape) : undefined,
    needs[1] ? sumTo(g, op.matmul(g, op.transposeLast(g, a!), dy), b!.shape) : undefined,
  ],
  conv2d: (dy, { g, inputs: [x, weight], attributes, needs }) => [
    needs[0] ? op.conv2dInputGrad(g, dy, weight!, x!.shape, geometry(attributes)) : undefined,
    needs[1] ? op.conv2dFilterGrad(g, x!, dy, weight!.shape, geometry(attributes)) : undefined,
    needs[2] ? op.sum(g, dy, [0, 2, 3]) : undefined,
  ],
  conv2dInputGrad: secondOrder('conv2dInputGrad'),
  conv2dFilterGrad: secondOrder('conv2dFilterGrad'),
  softmax: (dy, { g, outputs: [y] }) => {
    const last = [y!.shape.length - 1];
    return [op.mul(g, y!, op.sub(g, dy, op.sum(g, op.mul(g, dy, y!), last, true)))];
  },
  logSoftmax: (dy, { g, outputs: [y] }) => {
    const last = [y!.shape.length - 1];
    return [op.sub(g, dy, op.mul(g, op.exp(g, y!), op.sum(g, dy, last, true)))];
  },
  affine: (dy, { g, inputs: [x, scale], needs }) => {
    const axes = allButChannels(x!);
    return [
      needs[0] ? op.mul(g, dy, perChannel(g, scale!, x!)) : undefined,
      needs[1] ? op.sum(g, op.mul(g, dy, x!), axes) : undefined,
      needs[2] ? op.sum(g, dy, axes) : undefined,
    ];
  },
  // dx = (dy − mean(dy) − y·mean(dy·y)) / σ within each group
  normalizeGroups: (dy, { g, outputs: [y, inverseDeviation], attributes }) => {
    const [n] = y!.shape;
    const grouped = [n!, attributes.groups as number, sizeOf(y!.shape) / n! / (attributes.groups as number)];
    const dyGroups = op.reshape(g, dy, grouped);
    const yGroups = op.reshape(g, y!, grouped);
    const meanDy = op.mean(g, dyGroups, [2], true);
    const meanDyY = op.mean(g, op.mul(g, dyGroups, yGroups), [2], true);
    const centred = op.sub(g, op.sub(g, dyGroups, meanDy), op.mul(g, yGroups, meanDyY));
    return [op.reshape(g, op.mul(g, centred, inverseDeviation!), y!.shape)];
  },
  // dx = a·dy + b·x + c with one a, b, c a channel: two passes over the activations instead of ten
  batchNorm: (dy, { g, inputs: [x, scale], outputs: [, batchMean, variance], attributes }) => {
    const axes = allButChannels(x!);
    const count = g.scalar(sizeOf(x!.shape) / x!.shape[1]!);
    const sumDy = op.sum(g, dy, axes);
    const sumDyX = op.sum(g, op.mul(g, dy, x!), axes);
    const deviation = op.sqrt(g, op.add(g, variance!, g.scalar(attributes.epsilon as number)));
    const dScale = op.div(g, op.sub(g, sumDyX, op.mul(g, batchMean!, sumDy)), deviation);
    const a = op.div(g, scale!, deviation);
    const b = op.div(g, op.mul(g, op.mul(g, a, dScale), g.scalar(-1)), op.mul(g, deviation, count));
    const c = op.sub(
      g,
      op.div(g, op.mul(g, op.mul(g, a, sumDy), g.scalar(-1)), count),
      op.mul(g, b, batchMean!),
    );
    const dx = op.add(g, op.affine(g, dy, a, c), op.mul(g, x!, perChannel(g, b, x!)));
    return [dx, dScale, sumDy];
  },
  upsample2x: (dy, { g, inputs: [x] }) => {
    const [n, c, h, w] = x!.shape as readonly [number, number, number, number];
    return [op.sum(g, op.reshape(g, dy, [n, c, h, 2, w, 2]), [3, 5])];
  },
};
