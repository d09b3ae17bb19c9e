// The pool as an engine: graphs are loaded and run in its workers, so that computations which are not the method's
// own, such as training an attack's generator, block no thread and use all of them. Which worker runs a call does
// not matter: each loads a graph on first use and keeps it for as long as its cache has room.

import { EngineError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Engine, Executable, LoadOptions, NamedArrays } from '../runtime/executor.ts';
import { packWeights } from '../weights/weights.ts';
import type { Pool } from './pool.ts';
import type { Program } from './protocol.ts';

let programs = 0;

/** An engine whose executables may be run several at a time. What a graph does wrong shows when it first runs. */
export function poolEngine(pool: Pool): Engine {
  return {
    name: 'pool',
    load: async (graph: Graph, { weights = new Map(), anyBatch = false }: LoadOptions = {}) => {
      const program = { id: `${programs++}`, graph, weights: packWeights(weights), anyBatch };
      return remote(pool, program);
    },
  };
}

function remote(pool: Pool, program: Program): Executable {
  return {
    run: async (feeds: NamedArrays, into: NamedArrays = {}) => {
      const results = await pool.run<'compute'>({ kind: 'compute', program, feeds });
      for (const [name, array] of Object.entries(into)) array.set(expectOutput(results, name, array));
      return { ...results, ...into };
    },
    // The workers drop what they have not run for long.
    dispose: async () => undefined,
  };
}

function expectOutput(results: NamedArrays, name: string, array: Float32Array): Float32Array {
  const found = results[name];
  if (found?.length === array.length) return found;
  throw new EngineError(`expected ${array.length} values for ${name}, found ${found?.length ?? 'none'}`);
}
