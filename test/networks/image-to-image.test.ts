import { expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/graph.ts';
import * as op from '../../src/graph/operators.ts';
import { imageToImage } from '../../src/networks/image-to-image.ts';
import { Scope } from '../../src/networks/scope.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { drawWeights } from '../../src/training/steps/initial-weights.ts';
import { evaluate, graphOf, named } from '../support/graphs.ts';

function network(height: number, width: number) {
  const scope = new Scope(new GraphBuilder(), false);
  const x = scope.g.input('x', [2, 3, height, width]);
  scope.g.output('y', imageToImage(scope, 'net', x, 2, [8, 16, 24]));
  return { graph: scope.g.build(), parameters: scope.parameters };
}

it('gives an image of the same size that does not depend on the others of its batch', async () => {
  const { graph, parameters } = network(8, 12);
  const options = { weights: drawWeights(parameters, 1), anyBatch: true };
  const x = Float32Array.from({ length: 3 * 288 }, (_, i) => Math.sin(i * i));
  const { y } = await evaluate(new OnnxEngine(), graph, { x }, options);
  expect(y!.length).toBe(3 * 2 * 96);
  const alone = await evaluate(new OnnxEngine(), graph, { x: x.slice(288, 576) }, options);
  expect(alone.y).toEqual(y!.slice(192, 384));
  expect(parameters.every(({ trained }) => trained)).toBe(true);
});

it('refuses sides that cannot be halved', () => {
  expect(() => network(8, 14)).toThrow('expected images with sides divisible by 4, found 8×14');
});

it('limits and bends numbers as the trained attacks need it', async () => {
  const graph = graphOf([[5]], (g, [x]) => [op.tanh(g, x!), op.clipToUnit(g, x!)]);
  const x = Float32Array.of(-3, -0.5, 0, 0.25, 1.5);
  const { out0, out1 } = await evaluate(new OnnxEngine(), graph, named([x]));
  x.forEach((value, i) => {
    expect(out0![i]).toBeCloseTo(Math.tanh(value), 5);
    expect(out1![i]).toBeCloseTo(Math.min(1, Math.max(-1, value)), 6);
  });
});
