// Translates a graph into an ONNX model: one small translation an operator. Weights become initializers, so
// that ONNX Runtime can fold and pre-pack them, or stay inputs, as a training step needs. Convolution gradients
// have no ONNX operator; they are written as the matrix products that run fastest on the CPU.

import type { Graph, Node, Shape } from '../graph/graph.ts';
import { float, int, ints, model, node, tensor, text, valueInfo } from '../weights/onnx-proto.ts';
import type { OnnxModel } from '../weights/onnx-schema.ts';
import type { Weights } from '../weights/weights.ts';
import { BLOCKED_DOMAIN, blockedConv, forwardFilter } from './onnx-blocked.ts';
import { lowerFilterGrad, lowerInputGrad } from './onnx-conv-gradients.ts';
import { OnnxEmitter, type Site } from './onnx-emitter.ts';

export const OPSET = 18;

export interface LoweringOptions {
  /** Parameters that become initializers. */
  readonly weights?: Weights;
  /** Make the leading extent of `data` inputs and of outputs symbolic. */
  readonly anyBatch?: boolean;
  /** Channels in a block of the layout that the runtime's own convolutions use; they are used where this is given. */
  readonly channelBlock?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Translates a graph; names of inputs and outputs are the graph's own. */
export function lowerToOnnx(graph: Graph, options: LoweringOptions = {}): OnnxModel {
  const e = new OnnxEmitter(options.channelBlock);
  const names = new Map<number, string>();
  const batched = (shape: Shape) => (options.anyBatch ? ['N', ...shape.slice(1)] : shape);
  const inputs = [];
  for (const { name, id, kind } of graph.inputs) {
    names.set(id, name);
    const shape = graph.shapes[id]!;
    const baked = options.weights?.get(name);
    if (kind === 'parameter' && baked) e.initializers.push(tensor(name, shape, baked.data));
    else inputs.push(valueInfo(name, kind === 'data' ? batched(shape) : shape));
  }
  for (const { id, data } of graph.constants) names.set(id, e.floats(data, graph.shapes[id]!));
  const nameOf = (id: number): string => {
    if (!names.has(id)) names.set(id, `t${id}`);
    return names.get(id)!;
  };
  const read = new Set([...graph.nodes.flatMap((n) => n.inputs), ...graph.outputs.map(({ id }) => id)]);
  for (const { op, inputs, outputs, attributes } of graph.nodes) {
    const outputNames = outputs.map(nameOf);
    translations[op]({
      e,
      inputs: inputs.map(nameOf),
      inputShapes: inputs.map((id) => graph.shapes[id]!),
      output: outputNames[0]!,
      outputs: outputNames,
      used: outputs.map((id) => read.has(id)),
      shape: graph.shapes[outputs[0]!]!,
      attributes,
    });
  }
  const outputs = graph.outputs.map(({ name, id }) => {
    e.emit('Identity', [nameOf(id)], [], name);
    return valueInfo(name, batched(graph.shapes[id]!));
  });
  const body = {
    name: 'dataelixir',
    node: e.nodes,
    initializer: e.initializers,
    input: inputs,
    output: outputs,
  };
  return model(body, OPSET, options.metadata, options.channelBlock === undefined ? [] : [BLOCKED_DOMAIN]);
}

/** A shape for Reshape in which a kept leading extent is written 0, so that any batch size fits. */
function keepLeading(from: Shape, to: Shape): number[] {
  const target = [...to];
  if (from.length > 0 && target.length > 0 && from[0] === target[0]) target[0] = 0;
  return target;
}

function direct(name: string): (site: Site) => void {
  return ({ e, inputs, output }) => void e.emit(name, inputs, [], output);
}

function reduction(name: string): (site: Site) => void {
  return ({ e, inputs, output, attributes }) => {
    const axes = e.integers(attributes.axes as readonly number[]);
    e.emit(name, [inputs[0]!, axes], [int('keepdims', attributes.keepDims as number)], output);
  };
}

function alongLastAxis(name: string): (site: Site) => void {
  return ({ e, inputs, output }) => void e.emit(name, inputs, [int('axis', -1)], output);
}

const translations: Readonly<Record<Node['op'], (site: Site) => void>> = {
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  sigmoid: direct('Sigmoid'),
  relu: direct('Relu'),
  // A steep clipped ramp: one fast pass, where Sign and Greater with Cast take several slow ones.
  step: ({ e, inputs, output }) => {
    e.emit('HardSigmoid', inputs, [float('alpha', 1e30), float('beta', 0)], output);
  },
  sin: direct('Sin'),
  cos: direct('Cos'),
  add: direct('Add'),
  sub: direct('Sub'),
  mul: direct('Mul'),
  div: direct('Div'),
  matmul: direct('MatMul'),
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  softmax: alongLastAxis('Softmax'),
  logSoftmax: alongLastAxis('LogSoftmax'),
  reshape: ({ e, inputs, inputShapes, output, shape }) => {
    e.emit('Reshape', [inputs[0]!, e.integers(keepLeading(inputShapes[0]!, shape))], [], output);
  },
  transpose: ({ e, inputs, output, attributes }) => {
    e.emit('Transpose', inputs, [ints('perm', attributes.permutation as readonly number[])], output);
  },
  broadcast: ({ e, inputs, output, shape }) => {
    e.emit('Expand', [inputs[0]!, e.integers(shape)], [], output);
  },
  concat: ({ e, inputs, output, attributes }) => {
    e.emit('Concat', inputs, [int('axis', attributes.axis as number)], output);
  },
  slice: ({ e, inputs, output, attributes }) => {
    const { axis, start, end } = attributes as { axis: number; start: number; end: number };
    e.emit('Slice', [inputs[0]!, e.integers([start]), e.integers([end]), e.integers([axis])], [], output);
  },
  pad: ({ e, inputs, output, attributes }) => {
    const { axis, before, after } = attributes as { axis: number; before: number; after: number };
    const zero = e.floats(Float32Array.of(0), []);
    e.emit('Pad', [inputs[0]!, e.integers([before, after]), zero, e.integers([axis])], [], output);
  },
  conv2d: ({ e, inputs, inputShapes, output, attributes }) => {
    const stride = attributes.stride as number;
    const geometry = [
      ints('strides', [stride, stride]),
      ints('pads', attributes.padding as readonly number[]),
    ];
    const [x, weight, bias] = inputs as readonly [string, string, string?];
    const [, shape] = inputShapes as readonly [Shape, Shape];
    const filter = e.isConstant(weight) ? undefined : forwardFilter(e, weight, shape);
    if (filter) blockedConv(e, { x, filter, bias, shape, geometry, output });
    else e.emit('Conv', inputs, geometry, output);
  },
  conv2dInputGrad: lowerInputGrad,
  conv2dFilterGrad: lowerFilterGrad,
  affine: ({ e, inputs, inputShapes, output }) => {
    const channels = inputShapes[0]![1]!;
    const mean = e.floats(new Float32Array(channels));
    const variance = e.floats(new Float32Array(channels).fill(1));
    e.emit('BatchNormalization', [...inputs, mean, variance], [float('epsilon', 0)], output);
  },
  // LayerNormalization over a whole group also returns 1/σ, which the gradient needs; without it
  // InstanceNormalization is faster.
  normalizeGroups: ({ e, inputs, inputShapes, output, outputs, used, shape, attributes }) => {
    const groups = attributes.groups as number;
    const [, c, h, w] = shape as readonly [number, number, number, number];
    const extent = (c / groups) * h * w;
    const grouped = e.emit('Reshape', [inputs[0]!, e.integers([0, groups, extent])]);
    const normalized = `${output}_grouped`;
    const epsilon = float('epsilon', attributes.epsilon as number);
    if (used[1]) {
      const ones = e.floats(new Float32Array(extent).fill(1));
      const names = [normalized, '', outputs[1]!];
      e.nodes.push(node('LayerNormalization', [grouped, ones], names, [int('axis', -1), epsilon]));
    } else {
      const ones = e.floats(new Float32Array(groups).fill(1));
      const zeros = e.floats(new Float32Array(groups));
      e.emit('InstanceNormalization', [grouped, ones, zeros], [epsilon], normalized);
    }
    e.emit('Reshape', [normalized, e.integers(keepLeading(inputShapes[0]!, shape))], [], output);
  },
  // Not BatchNormalization's training mode: only the CPU provider has it, it can give both statistics one buffer
  // (onnxruntime issue 29790), and it is no faster.
  batchNorm: ({ e, inputs, outputs, shape, attributes }) => {
    const [x, scale, bias] = inputs as readonly [string, string, string];
    const [y, mean, variance] = outputs as readonly [string, string, string];
    const axes = e.integers([0, 2, 3]);
    const kept = e.emit('ReduceMean', [x, axes], [int('keepdims', 1)]);
    e.emit('Reshape', [kept, e.integers([shape[1]!])], [], mean);
    const centred = e.emit('Sub', [x, kept]);
    e.emit('ReduceMean', [e.emit('Mul', [centred, centred]), axes], [int('keepdims', 0)], variance);
    const epsilon = float('epsilon', attributes.epsilon as number);
    e.emit('BatchNormalization', [x, scale, bias, mean, variance], [epsilon], y);
  },
  upsample2x: ({ e, inputs, output }) => {
    const scales = e.floats(Float32Array.of(1, 1, 2, 2));
    const nearest = [
      text('mode', 'nearest'),
      text('coordinate_transformation_mode', 'asymmetric'),
      text('nearest_mode', 'floor'),
    ];
    e.emit('Resize', [inputs[0]!, '', scales], nearest, output);
  },
};
