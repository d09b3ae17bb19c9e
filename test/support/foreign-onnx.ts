// ONNX files as other people make them: denoisers that say in several ways that the clean image is a part of the noisy one,
// and an observer of brightness.

import type { PredictionKind } from '../../src/diffusion/prediction.ts';
import type { Schedule } from '../../src/math/schedule.ts';
import { encodeModel, model, node, tensor, valueInfo } from '../../src/weights/onnx-proto.ts';

/** The part of the noisy image that denoisers take for the clean one. */
const PART = 0.9;

/** A denoiser whose prediction of any kind means that the clean image is that part; `properties` are what it says of itself. */
export function fadingDenoiser(
  kind: PredictionKind,
  { alphaBars }: Schedule,
  channels: number,
  properties: Readonly<Record<string, string>> = {},
): Uint8Array {
  // what each kind is by definition (Salimans and Ho 2022) where x₀ is PART·x, as a multiple of x
  const factors = Float32Array.from(alphaBars, (alphaBar) => {
    const [alpha, sigma] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
    const epsilon = (1 - alpha * PART) / sigma;
    return { epsilon, v_prediction: alpha * epsilon - sigma * PART, sample: PART }[kind];
  });
  const shape = ['batch', channels, 'height', 'width'];
  const graph = {
    name: kind,
    node: [node('Gather', ['factors', 't'], ['factor']), node('Mul', ['x', 'factor'], ['out'])],
    initializer: [tensor('factors', [factors.length, 1, 1, 1], factors)],
    input: [valueInfo('x', shape), valueInfo('t', ['batch'], 'int64')],
    output: [valueInfo('out', shape)],
  };
  return encodeModel(model(graph, 17, properties));
}

/**
 * Classifies a gray image by how near its sum is to that of an image of one value: the logits are 2·v·Σx − N·v², largest for
 * the value v that is nearest to the mean.
 *
 * @param values of the classes, in the order of the outputs
 * @param side   of the images
 */
export function brightnessObserver(values: readonly number[], side: number): Uint8Array {
  const classes = values.length;
  const pixels = side * side;
  const weights = Float32Array.from({ length: pixels * classes }, (_, i) => 2 * values[i % classes]!);
  const offsets = Float32Array.from(values, (value) => -pixels * value * value);
  const graph = {
    name: 'brightness',
    node: [
      node('Flatten', ['x'], ['flat']),
      node('MatMul', ['flat', 'weights'], ['product']),
      node('Add', ['product', 'offsets'], ['logits']),
    ],
    initializer: [tensor('weights', [pixels, classes], weights), tensor('offsets', [classes], offsets)],
    input: [valueInfo('x', ['batch', 1, side, side])],
    output: [valueInfo('logits', ['batch', classes])],
  };
  return encodeModel(model(graph, 17));
}
