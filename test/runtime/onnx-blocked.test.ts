// Convolutions of as many channels as fill blocks, with weights as inputs: the onnx engine lays them out in its
// kernels' own layout, which the small cases of `operators.test.ts` do not reach. TensorFlow.js gives the truth.

import { describe, expect, it } from 'vitest';
import type { Shape } from '../../src/graph/graph.ts';
import type { ConvGeometry } from '../../src/graph/operators.ts';
import { conv2d, conv2dFilterGrad, conv2dInputGrad } from '../../src/graph/operators.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { lowerToOnnx } from '../../src/runtime/onnx-lowering.ts';
import { TfjsEngine } from '../../src/runtime/tfjs-engine.ts';
import { awayFromZero, evaluate, graphOf, named, relativeDifference } from '../support/graphs.ts';

const SAME: ConvGeometry = { stride: 1, padding: [1, 1, 1, 1] };
const HALF: ConvGeometry = { stride: 2, padding: [1, 1, 1, 1] };
const HALF_OF_EVEN: ConvGeometry = { stride: 2, padding: [0, 0, 1, 1] };

/** [N, C, H, W], [O, C, KH, KW] and the geometry. */
const CASES: Readonly<Record<string, readonly [Shape, Shape, ConvGeometry]>> = {
  'whole blocks': [[2, 32, 5, 6], [16, 32, 3, 3], SAME],
  'a gray image': [[16, 1, 5, 6], [16, 1, 3, 3], SAME],
  'a color image': [[16, 3, 5, 6], [32, 3, 3, 3], SAME],
  'one channel out': [[2, 16, 5, 6], [1, 16, 3, 3], SAME],
  'channels that fill no blocks': [[2, 24, 5, 6], [16, 24, 3, 3], SAME],
  'a lopsided kernel': [[2, 16, 5, 6], [16, 16, 3, 2], { stride: 1, padding: [2, 1, 0, 0] }],
  'halving an odd size': [[16, 16, 7, 7], [32, 16, 3, 3], HALF],
  'halving an even size': [[16, 16, 6, 8], [32, 16, 3, 3], HALF_OF_EVEN],
  'halving by a kernel that leaves out the last row': [
    [16, 16, 8, 8],
    [16, 16, 1, 1],
    { stride: 2, padding: [0, 0, 0, 0] },
  ],
  'halving, with samples that fill no blocks': [[3, 16, 6, 6], [16, 16, 3, 3], HALF],
};

/** y, dL/dx and dL/dw, where dL/dy is y itself. */
function convolution(x: Shape, weight: Shape, geometry: ConvGeometry) {
  return graphOf([x, weight, [weight[0]!]], (g, [image, filter, bias]) => {
    const y = conv2d(g, image!, filter!, bias, geometry);
    return [y, conv2dInputGrad(g, y, filter!, x, geometry), conv2dFilterGrad(g, image!, y, weight, geometry)];
  });
}

describe('convolutions in blocks', () => {
  it.each(Object.entries(CASES))('agree with TensorFlow.js: %s', async (name, [x, weight, geometry]) => {
    const graph = convolution(x, weight, geometry);
    const feeds = named([x, weight, [weight[0]!]].map((shape, k) => awayFromZero(shape, `${name} ${k}`)));
    const found = await evaluate(new OnnxEngine(), graph, feeds);
    const expected = await evaluate(await TfjsEngine.create('cpu'), graph, feeds);
    for (const output of ['out0', 'out1', 'out2']) {
      expect(relativeDifference(found[output]!, expected[output]!), output).toBeLessThan(1e-5);
    }
  });

  it('are asked for only where the runtime would not choose them itself', () => {
    const [x, weight, geometry] = CASES['whole blocks']!;
    const graph = convolution(x, weight, geometry);
    const blocked = (options: Parameters<typeof lowerToOnnx>[1]) =>
      lowerToOnnx(graph, options).graph.node.filter(({ domain }) => domain !== undefined).length;
    expect(blocked({ channelBlock: 16 })).toBeGreaterThan(0);
    // a file for any runtime
    expect(blocked({})).toBe(0);
  });
});
