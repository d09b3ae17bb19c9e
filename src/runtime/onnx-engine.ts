// The default engine: lowers graphs to ONNX and runs them with onnxruntime-node. A session computes on the thread
// that calls it, with one intra-op thread on the CPU, so that parallelism is a matter of how many workers there are.

import './no-telemetry.ts';
import * as ort from 'onnxruntime-node';
import { EngineError } from '../errors.ts';
import type { Graph, Shape } from '../graph/graph.ts';
import { encodeModel, model, valueInfo } from '../weights/onnx-proto.ts';
import type { Engine, Executable, LoadOptions, NamedArrays } from './executor.ts';
import { feedShape } from './feeds.ts';
import { BLOCKED_DOMAIN, toBlocks } from './onnx-blocked.ts';
import { OnnxEmitter } from './onnx-emitter.ts';
import { lowerToOnnx, OPSET } from './onnx-lowering.ts';

/** Execution providers of ONNX Runtime that this project knows how to ask for. */
export type ExecutionProvider = 'cpu' | 'webgpu' | 'cuda';

export class OnnxEngine implements Engine {
  readonly name = 'onnx';
  readonly #provider: ExecutionProvider;
  #channelBlock: Promise<number | undefined> | undefined;

  constructor(executionProvider: ExecutionProvider = 'cpu') {
    this.#provider = executionProvider;
  }

  async load(graph: Graph, options: LoadOptions = {}): Promise<Executable> {
    this.#channelBlock ??= this.#provider === 'cpu' ? findChannelBlock() : Promise.resolve(undefined);
    const channelBlock = await this.#channelBlock;
    const bytes = encodeModel(lowerToOnnx(graph, { ...options, channelBlock }));
    const session = await createSession(bytes, this.#provider);
    return new OnnxExecutable(session, graph, options.anyBatch ?? false);
  }
}

/** Channels in a block of the CPU kernels' own layout (see `onnx-blocked.ts`): the runtime fills up one pixel to it. */
async function findChannelBlock(): Promise<number | undefined> {
  const e = new OnnxEmitter();
  toBlocks(e, 'x', 'y');
  const [input, output] = [[valueInfo('x', [1, 4, 1, 1])], [valueInfo('y', ['n', 'c', 'h', 'w'])]];
  const graph = { name: 'block', node: e.nodes, initializer: [], input, output };
  try {
    const session = await createSession(encodeModel(model(graph, OPSET, {}, [BLOCKED_DOMAIN])), 'cpu');
    const { y } = await session.run({ x: new ort.Tensor('float32', new Float32Array(4), [1, 4, 1, 1]) });
    await session.release();
    return y!.dims[1];
  } catch (error) {
    // Processors for which the runtime has no such kernels lack the operators, too.
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** Opens any ONNX model with one intra-op thread. @throws {EngineError} when the provider is missing or refuses it */
export async function createSession(
  bytes: Uint8Array,
  provider: ExecutionProvider,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: [provider],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw new EngineError(
      `onnxruntime could not open the model on ${provider}: ${(cause as Error).message}; ` +
        'check compute.executionProvider, or use cpu',
      { cause },
    );
  }
}

class OnnxExecutable implements Executable {
  readonly #session: ort.InferenceSession;
  readonly #inputs: ReadonlyMap<string, { readonly shape: Shape; readonly anyBatch: boolean }>;
  readonly #outputs: ReadonlyMap<string, Shape>;
  readonly #anyBatch: boolean;

  constructor(session: ort.InferenceSession, graph: Graph, anyBatch: boolean) {
    this.#session = session;
    this.#anyBatch = anyBatch;
    const wanted = new Set(session.inputNames);
    this.#inputs = new Map(
      graph.inputs
        .filter(({ name }) => wanted.has(name))
        .map(({ name, id, kind }) => [
          name,
          { shape: graph.shapes[id]!, anyBatch: anyBatch && kind === 'data' },
        ]),
    );
    this.#outputs = new Map(graph.outputs.map(({ name, id }) => [name, graph.shapes[id]!]));
  }

  async run(feeds: NamedArrays, into: NamedArrays = {}): Promise<NamedArrays> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, { shape, anyBatch }] of this.#inputs) {
      tensors[name] = new ort.Tensor('float32', feeds[name]!, feedShape(name, shape, feeds[name], anyBatch));
    }
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const [name, shape] of this.#outputs) {
      const array = into[name];
      const extents = array && feedShape(name, shape, array, this.#anyBatch);
      fetches[name] = array && extents ? new ort.Tensor('float32', array, extents) : null;
    }
    const results = await this.#session.run(tensors, fetches);
    const arrays: Record<string, Float32Array> = {};
    for (const name of this.#outputs.keys()) arrays[name] = results[name]!.data as Float32Array;
    return arrays;
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }
}
