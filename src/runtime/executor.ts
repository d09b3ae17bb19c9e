// The one interface between graphs and the libraries that compute them. An engine loads a graph, with or
// without weights baked in, and runs it on float32 arrays. `onnx-engine.ts` and `tfjs-engine.ts` implement it.

import type { Graph } from '../graph/graph.ts';
import type { Weights } from '../weights/weights.ts';

export type NamedArrays = Readonly<Record<string, Float32Array>>;

/** A loaded graph. */
export interface Executable {
  /**
   * Runs the graph once.
   *
   * @param feeds every input that was not given as a weight; the leading extent of `data` inputs may be any
   *   when the graph was loaded with `anyBatch`. Not in shared memory: native engines refuse that
   * @param into arrays to write outputs to, by output name; the others are allocated
   * @throws {EngineError} when a feed is missing or has the wrong size
   */
  run(feeds: NamedArrays, into?: NamedArrays): Promise<NamedArrays>;
  dispose(): Promise<void>;
}

export interface LoadOptions {
  /** Weights baked into the executable; parameters not named here are inputs of every run. */
  readonly weights?: Weights;
  /** Accept any leading extent of the `data` inputs, not only the one that the graph was built with. */
  readonly anyBatch?: boolean;
}

export interface Engine {
  readonly name: string;
  load(graph: Graph, options?: LoadOptions): Promise<Executable>;
}
