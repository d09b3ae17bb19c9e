// Collects what a graph becomes in ONNX, node by node. Translations of single operators get it with their node.

import type { Node, Shape } from '../graph/graph.ts';
import { node, tensor } from '../weights/onnx-proto.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../weights/onnx-schema.ts';

/** Collects ONNX nodes and initializers under fresh names. */
export class OnnxEmitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** As in `LoweringOptions`. */
  readonly channelBlock: number | undefined;
  #fresh = 0;

  constructor(channelBlock?: number) {
    this.channelBlock = channelBlock;
  }

  /** Adds a node with one output and returns the output's name. */
  emit(
    op: string,
    inputs: readonly string[],
    attributes: readonly OnnxAttribute[] = [],
    output?: string,
    domain?: string,
  ): string {
    const name = output ?? this.#name();
    const made = node(op, inputs, [name], attributes);
    this.nodes.push(domain === undefined ? made : { ...made, domain });
    return name;
  }

  /** Whether a tensor is known before the first run, so that the runtime itself lays it out for its kernels. */
  isConstant(name: string): boolean {
    return this.initializers.some((initializer) => initializer.name === name);
  }

  integers(values: readonly number[]): string {
    return this.#initializer([values.length], BigInt64Array.from(values, BigInt));
  }

  floats(values: Float32Array, shape: Shape = [values.length]): string {
    return this.#initializer(shape, values);
  }

  #initializer(shape: Shape, data: BigInt64Array | Float32Array): string {
    const name = this.#name();
    this.initializers.push(tensor(name, shape, data));
    return name;
  }

  #name(): string {
    return `_${this.#fresh++}`;
  }
}

/** One node of a graph with what its translation needs. */
export interface Site {
  readonly e: OnnxEmitter;
  readonly inputs: readonly string[];
  readonly inputShapes: readonly Shape[];
  readonly output: string;
  readonly outputs: readonly string[];
  /** Which outputs something reads. */
  readonly used: readonly boolean[];
  readonly shape: Shape;
  readonly attributes: Node['attributes'];
}
