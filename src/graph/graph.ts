// Networks and training steps as plain data: a list of nodes over float32 tensors with static shapes. A graph
// knows no runtime; `runtime/` lowers it to ONNX or interprets it with TensorFlow.js. It holds only numbers,
// strings and typed arrays, so that it can be cloned into a worker thread. Layout is [N, C, H, W] throughout.

export type Shape = readonly number[];

/** The operators that an executor must provide. Attributes are documented where `operators.ts` builds them. */
export type Op =
  // element by element
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'sigmoid'
  | 'relu'
  | 'step'
  | 'sin'
  | 'cos'
  // element by element with NumPy broadcasting
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  // reductions over `axes` (ascending, non-negative); `keepDims` is 0 or 1
  | 'sum'
  | 'mean'
  // structure
  | 'reshape'
  | 'transpose'
  | 'broadcast'
  | 'concat'
  | 'slice'
  | 'pad'
  // linear algebra
  | 'matmul'
  | 'conv2d'
  | 'conv2dInputGrad'
  | 'conv2dFilterGrad'
  // fused, because every runtime has a fast kernel for them
  | 'softmax'
  | 'logSoftmax'
  | 'affine'
  | 'normalizeGroups'
  | 'batchNorm'
  | 'upsample2x';

export type Attribute = number | readonly number[];

/** One operator application; `inputs` and `outputs` are tensor ids. */
export interface Node {
  readonly op: Op;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** How a named tensor enters: `data` changes on every run, `parameter` is a weight that a session may bake in. */
export type InputKind = 'data' | 'parameter';

export interface GraphInput {
  readonly name: string;
  readonly id: number;
  readonly kind: InputKind;
}

export interface GraphOutput {
  readonly name: string;
  readonly id: number;
}

export interface GraphConstant {
  readonly id: number;
  readonly data: Float32Array;
}

/** A whole graph as plain, cloneable data. `shapes[id]` is the shape of tensor `id`; nodes are in topological order. */
export interface Graph {
  readonly shapes: readonly Shape[];
  readonly inputs: readonly GraphInput[];
  readonly constants: readonly GraphConstant[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly GraphOutput[];
}

/** A tensor of a graph under construction. */
export interface Tensor {
  readonly id: number;
  readonly shape: Shape;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * Collects nodes. It does no arithmetic and infers no shapes: `operators.ts` computes shapes and calls `apply`.
 */
export class GraphBuilder {
  readonly #shapes: Shape[] = [];
  readonly #inputs: GraphInput[] = [];
  readonly #constants: GraphConstant[] = [];
  readonly #nodes: Node[] = [];
  readonly #outputs: GraphOutput[] = [];

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** Tensor object of an id, for passes that walk `nodes`. */
  tensor(id: number): Tensor {
    return { id, shape: this.#shapes[id]! };
  }

  input(name: string, shape: Shape, kind: InputKind = 'data'): Tensor {
    const tensor = this.#create(shape);
    this.#inputs.push({ name, id: tensor.id, kind });
    return tensor;
  }

  parameter(name: string, shape: Shape): Tensor {
    return this.input(name, shape, 'parameter');
  }

  constant(data: Float32Array | readonly number[], shape: Shape): Tensor {
    const tensor = this.#create(shape);
    this.#constants.push({ id: tensor.id, data: Float32Array.from(data) });
    return tensor;
  }

  scalar(value: number): Tensor {
    return this.constant([value], []);
  }

  output(name: string, tensor: Tensor): void {
    this.#outputs.push({ name, id: tensor.id });
  }

  apply(
    op: Op,
    inputs: readonly Tensor[],
    shapes: readonly Shape[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly Tensor[] {
    const outputs = shapes.map((shape) => this.#create(shape));
    this.#nodes.push({ op, inputs: inputs.map((t) => t.id), outputs: outputs.map((t) => t.id), attributes });
    return outputs;
  }

  /** The finished graph, without the nodes that no output needs. */
  build(): Graph {
    const needed = new Set(this.#outputs.map((output) => output.id));
    const nodes: Node[] = [];
    for (const node of [...this.#nodes].reverse()) {
      if (!node.outputs.some((id) => needed.has(id))) continue;
      for (const id of node.inputs) needed.add(id);
      nodes.push(node);
    }
    return {
      shapes: this.#shapes,
      inputs: this.#inputs.filter((input) => needed.has(input.id)),
      constants: this.#constants.filter((constant) => needed.has(constant.id)),
      nodes: nodes.reverse(),
      outputs: this.#outputs,
    };
  }

  #create(shape: Shape): Tensor {
    this.#shapes.push(shape);
    return { id: this.#shapes.length - 1, shape };
  }
}
