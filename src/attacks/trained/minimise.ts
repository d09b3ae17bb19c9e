// Adam on any loss: the loss and its gradients are one graph, built here from a function, and run shard by shard on
// whatever engine is given. Generators, encoders and patterns are all fitted with it. Which weights it fits follows
// from which are given as fixed; the batch has the same shards on any machine, so the result is the same as well.

import { gradients } from '../../graph/gradients.ts';
import type { Tensor } from '../../graph/graph.ts';
import { GraphBuilder } from '../../graph/graph.ts';
import { Scope } from '../../networks/scope.ts';
import type { Engine, Executable, NamedArrays } from '../../runtime/executor.ts';
import { drawWeights } from '../../training/steps/initial-weights.ts';
import { adamUpdate, GRADIENT } from '../../training/steps/step-graphs.ts';
import { cosineRate } from '../../training/trainer.ts';
import type { Weights } from '../../weights/weights.ts';

const SHARDS = 2;
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export interface Minimisation {
  /** Adds the loss, a mean over one shard, to `scope.g`; weights come from `scope`, data are inputs of the graph. */
  readonly loss: (scope: Scope) => Tensor;
  /** The data inputs of one shard of one step. */
  readonly feeds: (step: number, shard: number) => NamedArrays;
  /** Weights that stay as they are; all others are fitted. */
  readonly fixed?: Weights;
  /** Where fitted weights start; those not named here are drawn as the scope says. */
  readonly start?: Weights;
  readonly steps: number;
  /** At the start; it falls to 0 along a cosine. */
  readonly learningRate: number;
  /** Key of the initial weights. */
  readonly seed: number;
  /** Changes the weights in place after each step, to keep them within bounds. */
  readonly project?: (weights: Weights) => void;
  readonly onStep?: (step: number, loss: number) => void;
}

/** Fits the weights of `loss` that are not fixed. @returns them, by name */
export async function minimise(engine: Engine, options: Minimisation): Promise<Weights> {
  const { loss, fixed = new Map(), start = new Map(), steps, seed, project } = options;
  const scope = new Scope(new GraphBuilder(), false);
  const value = loss(scope);
  const fitted = scope.parameters.filter(({ name }) => !fixed.has(name));
  const found = gradients(
    scope.g,
    value,
    fitted.map(({ name }) => scope.tensors.get(name)!),
  );
  scope.g.output('loss', value);
  fitted.forEach(({ name }, i) => {
    scope.g.output(`${GRADIENT}${name}`, found[i]!);
  });
  const weights = new FlatWeights(new Map([...drawWeights(fitted, seed), ...start]));
  const step = await engine.load(scope.g.build(), { weights: fixed });
  const update = await engine.load(adamUpdate(SHARDS), { anyBatch: true });
  for (let i = 0; i < steps; i++) {
    const rate = cosineRate(options.learningRate, i, steps);
    const shards = await Promise.all(
      Array.from({ length: SHARDS }, (_, shard) =>
        step.run({ ...options.feeds(i, shard), ...weights.arrays }),
      ),
    );
    await weights.update(update, shards, adamNumbers(rate, i + 1));
    project?.(weights.named);
    options.onStep?.(i + 1, shards.reduce((sum, shard) => sum + shard.loss![0]!, 0) / SHARDS);
  }
  await step.dispose();
  await update.dispose();
  return weights.named;
}

/** What `adamUpdate` wants at step `t`, counted from 1; the running mean of the weights is not used. */
function adamNumbers(rate: number, t: number): Float32Array {
  return Float32Array.of(rate / (1 - BETA1 ** t), BETA1, BETA2, 1 / (1 - BETA2 ** t), EPSILON, 0);
}

/** Weights in one array, seen by name, with Adam's state beside them. */
class FlatWeights {
  readonly named: Weights;
  readonly arrays: NamedArrays;
  readonly #values: Float32Array;
  #first: Float32Array;
  #second: Float32Array;

  constructor(initial: Weights) {
    const size = [...initial.values()].reduce((total, { data }) => total + data.length, 0);
    this.#values = new Float32Array(size);
    this.#first = new Float32Array(size);
    this.#second = new Float32Array(size);
    let at = 0;
    this.named = new Map(
      [...initial].map(([name, { shape, data }]) => {
        const view = this.#values.subarray(at, at + data.length);
        view.set(data);
        at += data.length;
        return [name, { shape, data: view }];
      }),
    );
    this.arrays = Object.fromEntries([...this.named].map(([name, { data }]) => [name, data]));
  }

  /** @param shards outputs of the step, one a shard */
  async update(rule: Executable, shards: readonly NamedArrays[], hyper: Float32Array): Promise<void> {
    const [weights, first, second] = [this.#values, this.#first, this.#second];
    const feeds: Record<string, Float32Array> = { weights, first, second, average: weights, hyper };
    shards.forEach((shard, i) => {
      feeds[`gradient${i}`] = this.#flat(shard);
    });
    const { newWeights, newFirst, newSecond } = await rule.run(feeds);
    this.#values.set(newWeights!);
    this.#first = newFirst!;
    this.#second = newSecond!;
  }

  #flat(shard: NamedArrays): Float32Array {
    const flat = new Float32Array(this.#values.length);
    let at = 0;
    for (const [name, { data }] of this.named) {
      flat.set(shard[`${GRADIENT}${name}`]!, at);
      at += data.length;
    }
    return flat;
  }
}
