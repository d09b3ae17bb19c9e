// The second engine: interprets graphs with TensorFlow.js operators, so that they run on its native backends
// as well, `@tensorflow/tfjs-node-gpu` (CUDA) above all. The backends are optional packages, loaded when the
// engine is made. Intermediate tensors are freed after their last use. TensorFlow.js is one a thread, and its
// native backends load in one thread of a process only.

import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '../errors.ts';
import type { Graph, Node, Shape } from '../graph/graph.ts';
import type { Engine, Executable, LoadOptions, NamedArrays } from './executor.ts';
import { feedShape } from './feeds.ts';
import { computeNode } from './tfjs-kernels.ts';

/** CUDA, the native library on the CPU, or plain JavaScript (slow: for checks on small networks). */
export type TfjsBackend = 'node-gpu' | 'node' | 'cpu';

/** The package that brings a backend and the name under which that registers itself. */
const BACKENDS: Readonly<Record<TfjsBackend, { readonly package: string; readonly name: string }>> = {
  'node-gpu': { package: '@tensorflow/tfjs-node-gpu', name: 'tensorflow' },
  node: { package: '@tensorflow/tfjs-node', name: 'tensorflow' },
  cpu: { package: '@tensorflow/tfjs-backend-cpu', name: 'cpu' },
};

export class TfjsEngine implements Engine {
  readonly name = 'tfjs';

  private constructor() {}

  /** Loads a backend. @throws {EngineError} when its package is not installed or does not start */
  static async create(backend: TfjsBackend): Promise<TfjsEngine> {
    const { package: packageName, name } = BACKENDS[backend];
    // Without this the CPU backend prints advice to the console.
    tf.enableProdMode();
    try {
      await import(packageName);
      if (!(await tf.setBackend(name))) throw new Error(`its backend ${name} did not start`);
    } catch (cause) {
      throw new EngineError(
        `expected the optional package ${packageName} for engine tfjs, found: ${firstLine(cause)}; install it with ` +
          `\`npm install --ignore-scripts=false ${packageName}\` (the native ones download libtensorflow then) and set workers to 1 ` +
          '(they load in one thread only), or set engine to onnx',
        { cause },
      );
    }
    return new TfjsEngine();
  }

  async load(graph: Graph, options: LoadOptions = {}): Promise<Executable> {
    return new TfjsExecutable(graph, options);
  }
}

class TfjsExecutable implements Executable {
  readonly #graph: Graph;
  readonly #anyBatch: boolean;
  /** Constants and baked weights by tensor id. */
  readonly #held = new Map<number, tf.Tensor>();
  /** Intermediate tensors by the node that is the last to read them. */
  readonly #lastUses: ReadonlyMap<Node, readonly number[]>;

  constructor(graph: Graph, { weights, anyBatch = false }: LoadOptions) {
    this.#graph = graph;
    this.#anyBatch = anyBatch;
    this.#lastUses = lastUses(graph);
    for (const { id, data } of graph.constants) this.#held.set(id, toTensor(data.slice(), graph.shapes[id]!));
    for (const { name, id, kind } of graph.inputs) {
      const baked = kind === 'parameter' ? weights?.get(name) : undefined;
      if (baked) this.#held.set(id, toTensor(baked.data.slice(), graph.shapes[id]!));
    }
  }

  async run(feeds: NamedArrays, into: NamedArrays = {}): Promise<NamedArrays> {
    const computed = tf.tidy(() => this.#compute(feeds));
    const arrays: Record<string, Float32Array> = {};
    try {
      for (const [name, tensor] of Object.entries(computed)) {
        if (into[name]) feedShape(name, tensor.shape, into[name], false);
        const data = (await tensor.data()) as Float32Array;
        const array = into[name] ?? new Float32Array(data.length);
        // Always a copy: the CPU backend hands out the memory of its tensors, which may be a feed or a weight.
        array.set(data);
        arrays[name] = array;
      }
    } finally {
      tf.dispose(computed);
    }
    return arrays;
  }

  async dispose(): Promise<void> {
    for (const tensor of this.#held.values()) tensor.dispose();
    this.#held.clear();
  }

  #compute(feeds: NamedArrays): Record<string, tf.Tensor> {
    const { shapes, inputs, nodes, outputs } = this.#graph;
    const values = new Map(this.#held);
    for (const { name, id, kind } of inputs) {
      if (values.has(id)) continue;
      const shape = feedShape(name, shapes[id]!, feeds[name], this.#anyBatch && kind === 'data');
      values.set(id, toTensor(feeds[name]!, shape));
    }
    for (const node of nodes) {
      const call = {
        inputs: node.inputs.map((id) => values.get(id)!),
        inputShapes: node.inputs.map((id) => shapes[id]!),
        shape: shapes[node.outputs[0]!]!,
        attributes: node.attributes,
      };
      const results = tf.tidy(() => [...computeNode(node.op, call)]);
      node.outputs.forEach((id, i) => {
        values.set(id, results[i]!);
      });
      for (const id of this.#lastUses.get(node) ?? []) values.get(id)!.dispose();
    }
    return Object.fromEntries(outputs.map(({ name, id }) => [name, tf.clone(values.get(id)!)]));
  }
}

/** For each node the computed tensors that nothing needs after it. */
function lastUses({ nodes, outputs }: Graph): ReadonlyMap<Node, readonly number[]> {
  const needed = new Set(outputs.map(({ id }) => id));
  const computed = new Set(nodes.flatMap((node) => node.outputs));
  const uses = new Map<Node, readonly number[]>();
  for (const node of [...nodes].reverse()) {
    const last = new Set(
      [...node.inputs, ...node.outputs].filter((id) => computed.has(id) && !needed.has(id)),
    );
    for (const id of last) needed.add(id);
    uses.set(node, [...last]);
  }
  return uses;
}

function toTensor(data: Float32Array, shape: Shape): tf.Tensor {
  return tf.tensor(data, [...shape], 'float32');
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
