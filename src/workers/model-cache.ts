// The networks that a worker has loaded, by id. Networks of this project and foreign ONNX files come out alike:
// a denoiser maps (x, t) to its prediction, a classifier maps x to probabilities and features.

import type { ImageShape } from '../datasets/sample.ts';
import { type DenoiserCall, tiled } from '../diffusion/tiles.ts';
import { sizeOf } from '../graph/graph.ts';
import { imageShape, inferenceGraph, parametersOf } from '../networks/network.ts';
import type { Engine, Executable } from '../runtime/executor.ts';
import { openForeignClassifier, openForeignDenoiser } from '../runtime/foreign-model.ts';
import type { ExecutionProvider } from '../runtime/onnx-engine.ts';
import { unpackWeights } from '../weights/weights.ts';
import type { ClassifierRef, DenoiserRef, NetworkRef, Program } from './protocol.ts';
import { denoiserShape } from './tiling.ts';
import type { LoadedClassifier } from './viewed.ts';
import { viewed } from './viewed.ts';

/** Models kept at a time: two generations of observer, benign model and denoiser. */
const CAPACITY = 6;

interface Entry {
  readonly loaded: Promise<unknown>;
  readonly dispose: () => Promise<void>;
}

export class ModelCache {
  readonly #engine: Engine;
  readonly #provider: ExecutionProvider;
  readonly #entries = new Map<string, Entry>();

  /** @param provider where foreign ONNX files run */
  constructor(engine: Engine, provider: ExecutionProvider) {
    this.#engine = engine;
    this.#provider = provider;
  }

  /** @param shape [C, H, W] of the images that it will see; of larger ones than it was made for it sees tiles */
  denoiser(model: DenoiserRef, shape: ImageShape): Promise<DenoiserCall> {
    return this.#get(`denoiser ${model.id}`, () => this.#openDenoiser(model, shape));
  }

  /** @param shape [C, H, W] of the images that it will see */
  classifier(model: ClassifierRef, shape: ImageShape): Promise<LoadedClassifier> {
    const { id, view } = model;
    if (view === undefined) return this.#get(`classifier ${id}`, () => this.#openClassifier(model, shape));
    return this.#get(`classifier ${id} ${JSON.stringify(view)}`, async () => {
      const [loaded, dispose] = await this.#openClassifier(model, shape);
      return [viewed(loaded, view, shape), dispose];
    });
  }

  program({ id, graph, weights, anyBatch }: Program): Promise<Executable> {
    return this.#get(`program ${id}`, async () => {
      const baked = graph.inputs
        .filter(({ name }) => weights.names.includes(name))
        .map((input) => ({ name: input.name, shape: graph.shapes[input.id]! }));
      const unpacked = unpackWeights(weights, baked);
      const executable = await this.#engine.load(graph, { weights: unpacked, anyBatch });
      return [executable, () => executable.dispose()];
    });
  }

  async #openDenoiser(
    model: DenoiserRef,
    shape: ImageShape,
  ): Promise<readonly [DenoiserCall, () => Promise<void>]> {
    const made = denoiserShape(model, shape);
    // images that no tile fits into go as they are, and the engine says what is wrong with them
    const tile = made[0] === shape[0] && made.every((extent, i) => extent <= shape[i]!) ? made : shape;
    const fitted = (denoise: DenoiserCall) =>
      tile.every((extent, i) => extent === shape[i]) ? denoise : tiled(denoise, shape, tile);
    if (model.kind === 'onnx') {
      const foreign = await openForeignDenoiser(model, tile, this.#provider);
      return [fitted(foreign.predict), foreign.dispose];
    }
    const network = await this.#open(model);
    return [
      fitted(async (x, t, into) => (await network.run({ x, t }, into && { noise: into })).noise!),
      () => network.dispose(),
    ];
  }

  async #openClassifier(
    model: ClassifierRef,
    shape: ImageShape,
  ): Promise<readonly [LoadedClassifier, () => Promise<void>]> {
    if (model.kind === 'onnx') {
      const foreign = await openForeignClassifier(model, shape, this.#provider);
      return [foreign, foreign.dispose];
    }
    const network = await this.#open(model);
    const run = async (x: Float32Array) => {
      const { probabilities, features } = await network.run({ x });
      return { probabilities: probabilities!, features: features! };
    };
    return [{ imageSize: sizeOf(imageShape(model.spec)), run }, () => network.dispose()];
  }

  #open({ spec, weights }: NetworkRef) {
    const unpacked = unpackWeights(weights, parametersOf(spec));
    return this.#engine.load(inferenceGraph(spec, 2), { weights: unpacked, anyBatch: true });
  }

  /** Returns a model, loading it on first use; the one unused for longest makes room. */
  async #get<T>(key: string, open: () => Promise<readonly [T, () => Promise<void>]>): Promise<T> {
    let entry = this.#entries.get(key);
    if (!entry) {
      const opened = open();
      entry = { loaded: opened.then(([model]) => model), dispose: async () => (await opened)[1]() };
      // what could not be loaded now may be later
      void opened.catch(() => this.#entries.delete(key));
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const [oldest, { dispose }] of this.#entries) {
      if (this.#entries.size <= CAPACITY) break;
      this.#entries.delete(oldest);
      await dispose();
    }
    return entry.loaded as Promise<T>;
  }
}
