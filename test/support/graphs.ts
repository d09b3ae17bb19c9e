// Runs graphs in tests: on both engines, with random or given inputs, and compares arrays.

import type { Graph, GraphBuilder, Shape, Tensor } from '../../src/graph/graph.ts';
import { GraphBuilder as Builder, sizeOf } from '../../src/graph/graph.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import type { Engine, LoadOptions, NamedArrays } from '../../src/runtime/executor.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { TfjsEngine } from '../../src/runtime/tfjs-engine.ts';

/** Both engines, each on the backend that every machine has. */
export const ENGINES: readonly (readonly [name: string, create: () => Promise<Engine>])[] = [
  ['onnx', async () => new OnnxEngine()],
  ['tfjs', () => TfjsEngine.create('cpu')],
];

/** The graph of a function: inputs `in0`, `in1`, …, outputs `out0`, `out1`, …. */
export function graphOf(
  shapes: readonly Shape[],
  build: (g: GraphBuilder, inputs: readonly Tensor[]) => Tensor | readonly Tensor[],
): Graph {
  const g = new Builder();
  const result = build(
    g,
    shapes.map((shape, k) => g.input(`in${k}`, shape)),
  );
  [result].flat().forEach((tensor, k) => {
    g.output(`out${k}`, tensor);
  });
  return g.build();
}

/** `in0`, `in1`, … */
export function named(arrays: readonly Float32Array[]): NamedArrays {
  return Object.fromEntries(arrays.map((data, k) => [`in${k}`, data]));
}

/** Loads a graph, runs it once and disposes it. */
export async function evaluate(
  engine: Engine,
  graph: Graph,
  feeds: NamedArrays,
  options: LoadOptions = {},
): Promise<NamedArrays> {
  const executable = await engine.load(graph, options);
  try {
    return await executable.run(feeds);
  } finally {
    await executable.dispose();
  }
}

/** Numbers of magnitude 0.5 to 1.5, so that kinks and poles at 0 are far; of both signs unless `positive`. */
export function awayFromZero(shape: Shape, id: string, positive = false): Float32Array {
  const random = new RandomStream(randomKey(1, id));
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    const magnitude = 0.5 + random.uniform();
    return positive || random.uniform() < 0.5 ? magnitude : -magnitude;
  });
}

export function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Largest absolute difference; infinite when the lengths differ or a value is not a number. */
export function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  const differences = Array.from(found, (value, i) => value - expected[i]!);
  return differences.some(Number.isNaN) ? Number.POSITIVE_INFINITY : largest(differences);
}

/** Largest absolute difference as a fraction of the largest expected magnitude. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = largest(expected);
  return scale === 0 ? difference(found, expected) : difference(found, expected) / scale;
}
