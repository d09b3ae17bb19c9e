// Builds operator nodes: checks and infers shapes, then records the node. One function an operator of `Op`, and
// a few compositions of them. Shapes follow NumPy for broadcasting and PyTorch for everything else.

import { ShapeError } from '../errors.ts';
import type { GraphBuilder, Op, Shape, Tensor } from './graph.ts';
import { sizeOf } from './graph.ts';

/** Rows and columns of zeros around an image: [top, left, bottom, right]. */
export type Padding = readonly [top: number, left: number, bottom: number, right: number];

export interface ConvGeometry {
  readonly stride: number;
  readonly padding: Padding;
}

type Unary = Extract<Op, 'exp' | 'log' | 'sqrt' | 'sigmoid' | 'relu' | 'step' | 'sin' | 'cos'>;
type Binary = Extract<Op, 'add' | 'sub' | 'mul' | 'div'>;

function unary(op: Unary): (g: GraphBuilder, x: Tensor) => Tensor {
  return (g, x) => g.apply(op, [x], [x.shape])[0]!;
}

function binary(op: Binary): (g: GraphBuilder, a: Tensor, b: Tensor) => Tensor {
  return (g, a, b) => g.apply(op, [a, b], [broadcastShapes(a.shape, b.shape)])[0]!;
}

export const exp = unary('exp');
export const log = unary('log');
export const sqrt = unary('sqrt');
export const sigmoid = unary('sigmoid');
export const relu = unary('relu');
/** 1 where x > 0, else 0: the derivative of `relu`. */
export const step = unary('step');
export const sin = unary('sin');
export const cos = unary('cos');
export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');

/** Shape of a NumPy broadcast of two shapes. */
function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) throw new ShapeError(`cannot broadcast [${a}] with [${b}]`);
    return p === 1 ? q : p;
  });
}

function reduce(op: 'sum' | 'mean') {
  return (g: GraphBuilder, x: Tensor, axes: readonly number[], keepDims = false): Tensor => {
    if (axes.length === 0) return x;
    const sorted = [...axes].sort((a, b) => a - b);
    const shape = keepDims
      ? x.shape.map((extent, axis) => (sorted.includes(axis) ? 1 : extent))
      : x.shape.filter((_, axis) => !sorted.includes(axis));
    return g.apply(op, [x], [shape], { axes: sorted, keepDims: keepDims ? 1 : 0 })[0]!;
  };
}

export const sum = reduce('sum');
export const mean = reduce('mean');

export function reshape(g: GraphBuilder, x: Tensor, shape: Shape): Tensor {
  if (sizeOf(shape) !== sizeOf(x.shape)) throw new ShapeError(`cannot reshape [${x.shape}] to [${shape}]`);
  return sameShape(shape, x.shape) ? x : g.apply('reshape', [x], [shape])[0]!;
}

export function transpose(g: GraphBuilder, x: Tensor, permutation: readonly number[]): Tensor {
  const shape = permutation.map((axis) => x.shape[axis]!);
  return g.apply('transpose', [x], [shape], { permutation })[0]!;
}

/** Repeats `x` along axes of extent 1 until it has `shape`. */
export function broadcast(g: GraphBuilder, x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcastShapes(x.shape, shape), shape)) {
    throw new ShapeError(`cannot broadcast [${x.shape}] to [${shape}]`);
  }
  return g.apply('broadcast', [x], [shape])[0]!;
}

export function concat(g: GraphBuilder, parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0]!;
  const extent = parts.reduce((total, part) => total + part.shape[axis]!, 0);
  return g.apply('concat', parts, [replaceAt(first.shape, axis, extent)], { axis })[0]!;
}

/** Elements [start, end) along one axis. */
export function slice(g: GraphBuilder, x: Tensor, axis: number, start: number, end: number): Tensor {
  if (start === 0 && end === x.shape[axis]) return x;
  return g.apply('slice', [x], [replaceAt(x.shape, axis, end - start)], { axis, start, end })[0]!;
}

/** Zeros around one axis. */
export function pad(g: GraphBuilder, x: Tensor, axis: number, before: number, after: number): Tensor {
  if (before === 0 && after === 0) return x;
  const shape = replaceAt(x.shape, axis, x.shape[axis]! + before + after);
  return g.apply('pad', [x], [shape], { axis, before, after })[0]!;
}

/** Matrix product over the last two axes; equal leading axes, or two axes on either side. */
export function matmul(g: GraphBuilder, a: Tensor, b: Tensor): Tensor {
  const [rows, inner] = a.shape.slice(-2);
  const [innerB, columns] = b.shape.slice(-2);
  if (inner !== innerB) throw new ShapeError(`cannot multiply [${a.shape}] by [${b.shape}]`);
  const leading = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return g.apply('matmul', [a, b], [[...leading, rows!, columns!]])[0]!;
}

/** Exchanges the last two axes. */
export function transposeLast(g: GraphBuilder, x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  const rank = axes.length;
  return transpose(g, x, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

/**
 * 2-D cross-correlation, zero padded.
 *
 * @param x [N, C, H, W]
 * @param weight [O, C, KH, KW]
 * @param bias [O], or left out
 * @returns [N, O, H′, W′]
 */
export function conv2d(
  g: GraphBuilder,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  { stride, padding }: ConvGeometry,
): Tensor {
  const [n, c, h, w] = x.shape as readonly [number, number, number, number];
  const [o, cw, kh, kw] = weight.shape as readonly [number, number, number, number];
  if (c !== cw) throw new ShapeError(`conv2d expected ${cw} input channels, found ${c}`);
  const [top, left, bottom, right] = padding;
  const outH = Math.floor((h + top + bottom - kh) / stride) + 1;
  const outW = Math.floor((w + left + right - kw) / stride) + 1;
  const inputs = bias ? [x, weight, bias] : [x, weight];
  return g.apply('conv2d', inputs, [[n, o, outH, outW]], { stride, padding })[0]!;
}

/** Gradient of `conv2d` with respect to its input of shape `inputShape`. */
export function conv2dInputGrad(
  g: GraphBuilder,
  dy: Tensor,
  weight: Tensor,
  inputShape: Shape,
  { stride, padding }: ConvGeometry,
): Tensor {
  return g.apply('conv2dInputGrad', [dy, weight], [inputShape], { stride, padding })[0]!;
}

/** Gradient of `conv2d` with respect to its weight of shape `weightShape`. */
export function conv2dFilterGrad(
  g: GraphBuilder,
  x: Tensor,
  dy: Tensor,
  weightShape: Shape,
  { stride, padding }: ConvGeometry,
): Tensor {
  return g.apply('conv2dFilterGrad', [x, dy], [weightShape], { stride, padding })[0]!;
}

/** Softmax over the last axis. */
export function softmax(g: GraphBuilder, x: Tensor): Tensor {
  return g.apply('softmax', [x], [x.shape])[0]!;
}

/** log(softmax) over the last axis. */
export function logSoftmax(g: GraphBuilder, x: Tensor): Tensor {
  return g.apply('logSoftmax', [x], [x.shape])[0]!;
}

/** x·scale + bias with one scale and one bias a channel: x [N, C, …], scale and bias [C]. */
export function affine(g: GraphBuilder, x: Tensor, scale: Tensor, bias: Tensor): Tensor {
  return g.apply('affine', [x, scale, bias], [x.shape])[0]!;
}

/**
 * Normalises each group of channels of each sample to mean 0 and variance 1 (group normalisation without its
 * affine part, Wu & He 2018).
 *
 * @param x [N, C, H, W] with C divisible by `groups`
 * @returns normalised [N, C, H, W] and 1/√(variance + ε) as [N, groups, 1]
 */
export function normalizeGroups(
  g: GraphBuilder,
  x: Tensor,
  groups: number,
  epsilon: number,
): readonly [normalized: Tensor, inverseDeviation: Tensor] {
  if (x.shape[1]! % groups !== 0)
    throw new ShapeError(`${x.shape[1]} channels do not divide into ${groups} groups`);
  const outputs = g.apply('normalizeGroups', [x], [x.shape, [x.shape[0]!, groups, 1]], { groups, epsilon });
  return [outputs[0]!, outputs[1]!];
}

/**
 * Batch normalisation with the statistics of this batch (Ioffe & Szegedy 2015).
 *
 * @param x [N, C, H, W]; scale and bias [C]
 * @returns y [N, C, H, W], the batch's mean [C] and its biased variance [C]
 */
export function batchNorm(
  g: GraphBuilder,
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  epsilon: number,
): readonly [y: Tensor, mean: Tensor, variance: Tensor] {
  const channels = [x.shape[1]!];
  const outputs = g.apply('batchNorm', [x, scale, bias], [x.shape, channels, channels], { epsilon });
  return [outputs[0]!, outputs[1]!, outputs[2]!];
}

/** Nearest-neighbour enlargement by two: [N, C, H, W] → [N, C, 2H, 2W]. */
export function upsample2x(g: GraphBuilder, x: Tensor): Tensor {
  const [n, c, h, w] = x.shape as readonly [number, number, number, number];
  return g.apply('upsample2x', [x], [[n, c, 2 * h, 2 * w]])[0]!;
}

/** x·σ(x), also called swish (Ramachandran et al. 2017). */
export function silu(g: GraphBuilder, x: Tensor): Tensor {
  return mul(g, x, sigmoid(g, x));
}

/** tanh x = 2σ(2x) − 1. */
export function tanh(g: GraphBuilder, x: Tensor): Tensor {
  const doubled = sigmoid(g, mul(g, x, g.scalar(2)));
  return sub(g, mul(g, doubled, g.scalar(2)), g.scalar(1));
}

/** x limited to [−1, 1], the range of pixels: relu(x + 1) − relu(x − 1) − 1. */
export function clipToUnit(g: GraphBuilder, x: Tensor): Tensor {
  const one = g.scalar(1);
  return sub(g, sub(g, relu(g, add(g, x, one)), relu(g, sub(g, x, one))), one);
}

/** x·Wᵀ + b as in PyTorch: x [N, I], weight [O, I], bias [O]. */
export function linear(g: GraphBuilder, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return add(g, matmul(g, x, transposeLast(g, weight)), bias);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

function replaceAt(shape: Shape, axis: number, extent: number): Shape {
  return shape.map((old, i) => (i === axis ? extent : old));
}
