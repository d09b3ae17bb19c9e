// What each operator of a graph is in TensorFlow.js: one function an operator, over the operators that both its
// CPU backend and its native ones have. Convolutions are in `tfjs-convolutions.ts`.

import * as tf from '@tensorflow/tfjs-core';
import type { Op } from '../graph/graph.ts';
import type { Call, Kernel } from './tfjs-call.ts';
import { conv2d, conv2dFilterGrad, conv2dInputGrad } from './tfjs-convolutions.ts';

/** Computes one node. The caller disposes the result; what is created on the way goes with the caller's tidy. */
export function computeNode(op: Op, call: Call): readonly tf.Tensor[] {
  const result = kernels[op](call);
  return result instanceof tf.Tensor ? [result] : result;
}

const unary =
  (f: (x: tf.Tensor) => tf.Tensor): Kernel =>
  ({ inputs }) =>
    f(inputs[0]!);

const binary =
  (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Kernel =>
  ({ inputs }) =>
    f(inputs[0]!, inputs[1]!);

const reduction =
  (f: (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor): Kernel =>
  ({ inputs, attributes }) =>
    f(inputs[0]!, [...(attributes.axes as readonly number[])], attributes.keepDims === 1);

/** The output's shape, with the leading extent of the input where the operator keeps that. */
function targetShape({ inputs: [x], inputShapes: [from], shape }: Call): number[] {
  const kept = shape.length > 0 && from![0] === shape[0];
  return kept ? [x!.shape[0]!, ...shape.slice(1)] : [...shape];
}

/** [C] as [1, C, 1, …], to broadcast against [N, C, …]. */
function perChannel(vector: tf.Tensor, like: tf.Tensor): tf.Tensor {
  return tf.reshape(
    vector,
    like.shape.map((extent, axis) => (axis === 1 ? extent : 1)),
  );
}

const normalizeGroups: Kernel = ({ inputs: [x], attributes }) => {
  const groups = attributes.groups as number;
  const grouped = tf.reshape(x!, [x!.shape[0]!, groups, -1]);
  const { mean, variance } = tf.moments(grouped, [2], true);
  const inverseDeviation = tf.rsqrt(tf.add(variance, attributes.epsilon as number));
  const normalized = tf.mul(tf.sub(grouped, mean), inverseDeviation);
  return [tf.reshape(normalized, x!.shape), inverseDeviation];
};

const batchNorm: Kernel = ({ inputs: [x, scale, bias], attributes }) => {
  const { mean, variance } = tf.moments(x!, [0, 2, 3]);
  const factor = tf.mul(scale!, tf.rsqrt(tf.add(variance, attributes.epsilon as number)));
  const centred = tf.sub(x!, perChannel(mean, x!));
  const y = tf.add(tf.mul(centred, perChannel(factor, x!)), perChannel(bias!, x!));
  return [y, mean, variance];
};

const upsample2x: Kernel = ({ inputs: [x] }) => {
  const [n, c, h, w] = x!.shape as [number, number, number, number];
  const repeated = tf.tile(tf.reshape(x!, [n, c, h, 1, w, 1]), [1, 1, 1, 2, 1, 2]);
  return tf.reshape(repeated, [n, c, 2 * h, 2 * w]);
};

const kernels: Readonly<Record<Op, Kernel>> = {
  exp: unary(tf.exp),
  log: unary(tf.log),
  sqrt: unary(tf.sqrt),
  sigmoid: unary(tf.sigmoid),
  relu: unary(tf.relu),
  step: unary((x) => tf.step(x)),
  sin: unary(tf.sin),
  cos: unary(tf.cos),
  add: binary(tf.add),
  sub: binary(tf.sub),
  mul: binary(tf.mul),
  div: binary(tf.div),
  matmul: binary(tf.matMul),
  sum: reduction(tf.sum),
  mean: reduction(tf.mean),
  softmax: unary((x) => tf.softmax(x)),
  logSoftmax: unary((x) => tf.logSoftmax(x)),
  reshape: (call) => tf.reshape(call.inputs[0]!, targetShape(call)),
  transpose: ({ inputs, attributes }) =>
    tf.transpose(inputs[0]!, [...(attributes.permutation as readonly number[])]),
  broadcast: (call) => tf.broadcastTo(call.inputs[0]!, targetShape(call)),
  concat: ({ inputs, attributes }) => tf.concat([...inputs], attributes.axis as number),
  slice: ({ inputs: [x], attributes }) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    const begin = x!.shape.map((_, i) => (i === axis ? start : 0));
    const size = x!.shape.map((extent, i) => (i === axis ? end - start : extent));
    return tf.slice(x!, begin, size);
  },
  pad: ({ inputs: [x], attributes }) => {
    const { axis, before, after } = attributes as { axis: number; before: number; after: number };
    return tf.pad(
      x!,
      x!.shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
    );
  },
  conv2d,
  conv2dInputGrad,
  conv2dFilterGrad,
  affine: ({ inputs: [x, scale, bias] }) => tf.add(tf.mul(x!, perChannel(scale!, x!)), perChannel(bias!, x!)),
  normalizeGroups,
  batchNorm,
  upsample2x,
};
