// Fresh weights for a network, in the order that training wants: everything a gradient changes first, running
// statistics behind, so that each update rule runs over one contiguous range.

import { sizeOf } from '../../graph/graph.ts';
import { fillUniform, randomKey } from '../../math/random.ts';
import type { NetworkSpec } from '../../networks/network.ts';
import { parametersOf } from '../../networks/network.ts';
import type { ParameterSpec } from '../../networks/scope.ts';
import type { Weights } from '../../weights/weights.ts';

/** A network's parameters, trained ones first. */
export function trainingOrder(spec: NetworkSpec): readonly ParameterSpec[] {
  const parameters = parametersOf(spec);
  return [...parameters.filter(({ trained }) => trained), ...parameters.filter(({ trained }) => !trained)];
}

/** Draws PyTorch's default initial weights; each depends only on the seed and its own name. */
export function initialWeights(spec: NetworkSpec, seed: number): Weights {
  return drawWeights(trainingOrder(spec), seed);
}

/** As `initialWeights`, for the parameters of any graph, in their order. */
export function drawWeights(parameters: readonly ParameterSpec[], seed: number): Weights {
  return new Map(
    parameters.map(({ name, shape, initial }) => {
      const data = new Float32Array(sizeOf(shape));
      if ('constant' in initial) return [name, { shape, data: data.fill(initial.constant) }];
      fillUniform(data, randomKey(seed, name), 0, 0);
      for (let i = 0; i < data.length; i++) data[i] = (2 * data[i]! - 1) * initial.bound;
      return [name, { shape, data }];
    }),
  );
}
