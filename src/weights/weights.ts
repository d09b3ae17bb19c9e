// Weights of a network by their PyTorch state_dict names: the form that every file format is read into and
// written from. Here is also the one place where weights meet a network's parameter list, and the packing
// into the shared memory that worker threads read.

import { WeightsError } from '../errors.ts';
import { sizeOf } from '../graph/graph.ts';
import { sameShape } from '../graph/operators.ts';

/** One tensor: float32, row-major. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Weights = ReadonlyMap<string, WeightTensor>;

/** Weights of one network in shared memory, back to back in the order of `names`; offsets count float32 values. */
export interface SharedWeights {
  readonly names: readonly string[];
  readonly offsets: readonly number[];
  readonly values: SharedArrayBuffer;
}

/** A weight that a network asks for. */
export interface WeightShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Step counters of PyTorch's batch normalisation: state that no network here reads. */
const IGNORED = /(^|\.)num_batches_tracked$/;

/** Names listed in an error before it says how many more there are. */
const LISTED = 5;

/**
 * The weights that a network asks for, in its order. Batch counters are dropped; anything else must match.
 *
 * @param expected the network's parameters, from `parametersOf`
 * @param source what to call the weights in an error
 * @throws {WeightsError} when names are missing or unexpected, a shape differs, or a value is not finite
 */
export function expectWeights(weights: Weights, expected: readonly WeightShape[], source: string): Weights {
  const names = new Set(expected.map(({ name }) => name));
  const missing = expected.filter(({ name }) => !weights.has(name)).map(({ name }) => name);
  const unexpected = [...weights.keys()].filter((name) => !names.has(name) && !IGNORED.test(name));
  const misshapen = expected.flatMap(({ name, shape }) => {
    const found = weights.get(name)?.shape;
    return found && !sameShape(found, shape) ? [`${name} [${found}] instead of [${shape}]`] : [];
  });
  const faults = [list('missing', missing), list('unexpected', unexpected), list('wrong shape', misshapen)];
  if (missing.length + unexpected.length + misshapen.length > 0) {
    throw new WeightsError(
      `expected the ${expected.length} weights of the configured network in ${source}, found ` +
        `${faults.filter(Boolean).join('; ')}; configure the network that the file was made for`,
    );
  }
  const fitting = new Map(expected.map(({ name }) => [name, weights.get(name)!]));
  expectFinite(fitting, source);
  return fitting;
}

/**
 * Copies weights into shared memory, back to back in their order.
 *
 * @returns `offsets` count float32 values, not bytes
 */
export function packWeights(weights: Weights): SharedWeights {
  const offsets: number[] = [];
  let size = 0;
  for (const { data } of weights.values()) {
    offsets.push(size);
    size += data.length;
  }
  const values = new SharedArrayBuffer(size * Float32Array.BYTES_PER_ELEMENT);
  const flat = new Float32Array(values);
  [...weights.values()].forEach(({ data }, i) => {
    flat.set(data, offsets[i]);
  });
  return { names: [...weights.keys()], offsets, values };
}

/**
 * Weights as views of shared memory: nothing is copied, and what is written there shows here.
 *
 * @param expected shapes of all packed weights, in any order
 * @throws {WeightsError} when a weight is not packed or does not fit
 */
export function unpackWeights(shared: SharedWeights, expected: readonly WeightShape[]): Weights {
  const offsets = new Map(shared.names.map((name, i) => [name, shared.offsets[i]!]));
  const capacity = shared.values.byteLength / Float32Array.BYTES_PER_ELEMENT;
  return new Map(
    expected.map(({ name, shape }) => {
      const offset = offsets.get(name);
      const size = sizeOf(shape);
      if (offset === undefined || offset + size > capacity) {
        throw new WeightsError(
          `expected ${name} [${shape}] in the shared weights, found ` +
            `${offset === undefined ? 'no such name' : `${capacity - offset} values`}; pack this network's weights`,
        );
      }
      const start = offset * Float32Array.BYTES_PER_ELEMENT;
      return [name, { shape, data: new Float32Array(shared.values, start, size) }];
    }),
  );
}

function expectFinite(weights: Weights, source: string): void {
  for (const [name, { data }] of weights) {
    for (let i = 0; i < data.length; i++) {
      if (Number.isFinite(data[i])) continue;
      throw new WeightsError(
        `expected finite weights in ${source}, found ${data[i]} at index ${i} of ${name}; ` +
          'its training diverged, take an earlier checkpoint',
      );
    }
  }
}

function list(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return `${what}: ${names.slice(0, LISTED).join(', ')}${more}`;
}
