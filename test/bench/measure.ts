// What every benchmark shares: timing, the floating-point operations of a graph, and random input. Speeds are
// given as a share of the matrix product measured in the same run, because machines differ and are noisy.

import type { Graph, Node, Shape } from '../../src/graph/graph.ts';
import { GraphBuilder, sizeOf } from '../../src/graph/graph.ts';
import { matmul } from '../../src/graph/operators.ts';
import { fillNormal, randomKey } from '../../src/math/random.ts';
import type { Engine } from '../../src/runtime/executor.ts';

/** Shortest time of a call, in seconds, over at least `seconds` and three calls; the first call is not counted. */
export async function shortest(work: () => Promise<unknown>, seconds: number): Promise<number> {
  await work();
  let best = Number.POSITIVE_INFINITY;
  const start = performance.now();
  for (let calls = 0; calls < 3 || performance.now() - start < 1000 * seconds; calls++) {
    const before = performance.now();
    await work();
    best = Math.min(best, (performance.now() - before) / 1000);
  }
  return best;
}

export function normals(shape: Shape, id: string): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  fillNormal(values, randomKey(0, id), 0, 0);
  return values;
}

/** Multiplications and additions in the convolutions and matrix products of a graph. */
export function flops({ nodes, shapes }: Graph): number {
  return nodes.reduce((total, node) => total + flopsOf(node, shapes), 0);
}

function flopsOf({ op, inputs, outputs }: Node, shapes: readonly Shape[]): number {
  const shape = (id: number | undefined) => shapes[id!]!;
  /** Every output pixel is a dot product over C·KH·KW; the gradients do as much. */
  const convolution = (y: Shape, weight: Shape) => 2 * sizeOf(y) * sizeOf(weight.slice(1));
  if (op === 'matmul') return 2 * sizeOf(shape(outputs[0])) * shape(inputs[0]).at(-1)!;
  if (op === 'conv2d') return convolution(shape(outputs[0]), shape(inputs[1]));
  if (op === 'conv2dInputGrad') return convolution(shape(inputs[0]), shape(inputs[1]));
  if (op === 'conv2dFilterGrad') return convolution(shape(inputs[1]), shape(outputs[0]));
  return 0;
}

/** Rate of a 2048³ float32 matrix product on one thread, in FLOP/s. */
export async function gemmRate(engine: Engine): Promise<number> {
  const size = [2048, 2048];
  const g = new GraphBuilder();
  g.output('c', matmul(g, g.input('a', size), g.input('b', size)));
  const graph = g.build();
  const product = await engine.load(graph);
  const feeds = { a: normals(size, 'a'), b: normals(size, 'b') };
  const seconds = await shortest(() => product.run(feeds), 3);
  await product.dispose();
  return flops(graph) / seconds;
}
