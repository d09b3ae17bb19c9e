// What each operator of a graph is in TensorFlow.js: one function an operator. Graphs are [N, C, H, W]; the
// convolution kernels that all its backends share are [N, H, W, C] with weights [KH, KW, C, O] and know no
// padding of their own in the gradients, so images are transposed and padded around them.

import * as tf from '@tensorflow/tfjs-core';
import type { Node, Op, Shape } from '../graph/graph.ts';

/** One node with its input values. */
export interface Call {
  readonly inputs: readonly tf.Tensor[];
  /** Shapes that the graph was built with; those of `inputs` may have another leading extent. */
  readonly inputShapes: readonly Shape[];
  /** Shape of the first output that the graph was built with. */
  readonly shape: Shape;
  readonly attributes: Node['attributes'];
}

type Kernel = (call: Call) => tf.Tensor | readonly tf.Tensor[];
type Extents = readonly [number, number, number, number];

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

function paddingOf(attributes: Node['attributes']): Extents {
  return attributes.padding as unknown as Extents;
}

function toChannelsLast(x: tf.Tensor): tf.Tensor4D {
  return tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);
}

function toChannelsFirst(x: tf.Tensor): tf.Tensor4D {
  return tf.transpose(x as tf.Tensor4D, [0, 3, 1, 2]);
}

/** [O, C, KH, KW] → [KH, KW, C, O]. */
function toFilter(weight: tf.Tensor): tf.Tensor4D {
  return tf.transpose(weight as tf.Tensor4D, [2, 3, 1, 0]);
}

/** [N, C, H, W] → zero-padded [N, H′, W′, C]. */
function paddedChannelsLast(x: tf.Tensor, [top, left, bottom, right]: Extents): tf.Tensor4D {
  const last = toChannelsLast(x);
  if (top + left + bottom + right === 0) return last;
  return tf.pad(last, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
}

/** [C] as [1, C, 1, …], to broadcast against [N, C, …]. */
function perChannel(vector: tf.Tensor, like: tf.Tensor): tf.Tensor {
  return tf.reshape(
    vector,
    like.shape.map((extent, axis) => (axis === 1 ? extent : 1)),
  );
}

const conv2d: Kernel = ({ inputs: [x, weight, bias], attributes }) => {
  const padded = paddedChannelsLast(x!, paddingOf(attributes));
  const y = tf.conv2d(padded, toFilter(weight!), attributes.stride as number, 'valid');
  return toChannelsFirst(bias ? tf.add(y, bias) : y);
};

/** The gradient of the padded image by the transposed convolution, then the padding cut off. */
const conv2dInputGrad: Kernel = ({ inputs: [dy, weight], shape, attributes }) => {
  const [, c, h, w] = shape as Extents;
  const [top, left, bottom, right] = paddingOf(attributes);
  const padded: [number, number, number, number] = [dy!.shape[0]!, h + top + bottom, w + left + right, c];
  const stride = attributes.stride as number;
  const dx = tf.conv2dTranspose(toChannelsLast(dy!), toFilter(weight!), padded, stride, 'valid');
  return toChannelsFirst(tf.slice(dx, [0, top, left, 0], [padded[0], h, w, c]));
};

const conv2dFilterGrad: Kernel = ({ inputs: [x, dy], shape, attributes }) => {
  const [o, c, kh, kw] = shape as Extents;
  const stride = attributes.stride as number;
  // tfjs-core exports this kernel's name but no function for it.
  const dw: tf.Tensor4D = tf
    .engine()
    .runKernel(
      tf.Conv2DBackpropFilter,
      { x: paddedChannelsLast(x!, paddingOf(attributes)), dy: toChannelsLast(dy!) },
      { strides: [stride, stride], pad: 'valid', dataFormat: 'NHWC', filterShape: [kh, kw, c, o] },
    );
  return tf.transpose(dw, [3, 2, 0, 1]);
};

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
