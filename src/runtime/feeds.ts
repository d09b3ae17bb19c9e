// The check that every engine makes before it computes: does an array that was handed in hold as many values
// as the graph's tensor? It also works out the batch size that an array of a batched tensor has.

import { EngineError } from '../errors.ts';
import type { Shape } from '../graph/graph.ts';
import { sizeOf } from '../graph/graph.ts';

/**
 * The extents of one array that is fed to a run, or that a run writes to.
 *
 * @param anyBatch take the leading extent, if there is one, from the array's length
 * @throws {EngineError} when the array is missing or its size does not fit
 */
export function feedShape(
  name: string,
  shape: Shape,
  data: Float32Array | undefined,
  anyBatch: boolean,
): Shape {
  if (!data)
    throw new EngineError(`expected a feed named ${name} of [${shape}], found none; pass it, or bake it in`);
  const rest = sizeOf(shape.slice(1));
  const actual = anyBatch && shape.length > 0 ? [data.length / rest, ...shape.slice(1)] : shape;
  if (Number.isInteger(actual[0] ?? 1) && sizeOf(actual) === data.length) return actual;
  throw new EngineError(`expected ${sizeOf(shape)} values of [${shape}] for ${name}, found ${data.length}`);
}
