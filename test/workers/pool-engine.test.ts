import { expect, it } from 'vitest';
import { add, mul } from '../../src/graph/operators.ts';
import type { ClassifierSpec } from '../../src/networks/network.ts';
import { inferenceGraph } from '../../src/networks/network.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { poolEngine } from '../../src/workers/pool-engine.ts';
import { evaluate, graphOf, named } from '../support/graphs.ts';
import { testPool } from '../support/pools.ts';

const spec: ClassifierSpec = { kind: 'small-cnn', config: { shape: [1, 8, 8], classes: 3, widths: [4, 8] } };

it('computes in the workers what the engine computes here, with baked weights and any batch', async () => {
  const options = { weights: initialWeights(spec, 3), anyBatch: true };
  const graph = inferenceGraph(spec, 2);
  const engine = poolEngine(testPool(2));
  const remote = await engine.load(graph, options);
  const batches = [1, 3, 5].map((count) => Float32Array.from({ length: count * 64 }, (_, i) => Math.sin(i)));
  const found = await Promise.all(batches.map((x) => remote.run({ x })));
  for (const [i, x] of batches.entries()) {
    expect(found[i]).toEqual(await evaluate(new OnnxEngine(), graph, { x }, options));
  }
});

it('writes into given arrays, and tells what is wrong with them or with a feed', async () => {
  const graph = graphOf([[2], [2]], (g, [a, b]) => [add(g, a!, b!), mul(g, a!, b!)]);
  const remote = await poolEngine(testPool(1)).load(graph);
  const feeds = named([Float32Array.of(1, 2), Float32Array.of(3, 5)]);
  const out1 = new Float32Array(2);
  const results = await remote.run(feeds, { out1 });
  expect(results).toEqual({ out0: Float32Array.of(4, 7), out1: Float32Array.of(3, 10) });
  expect(results.out1).toBe(out1);
  await expect(remote.run(feeds, { out1: new Float32Array(3) })).rejects.toMatchObject({ code: 'engine' });
  await expect(remote.run({ in0: Float32Array.of(1, 2) })).rejects.toMatchObject({ code: 'engine' });
});
