// TrojanNN (Liu et al. 2018, "Trojaning attack on neural networks"): a patch whose pixels are found by gradient
// descent so that it excites a few neurons of a trained classifier, which the victim then ties to the target label.
// The paper takes neurons of an inner layer that are well connected and starts from a blank image; here they are
// channels of the pooled penultimate layer, the best connected to the labels, and the patch is fitted on real images.

import * as op from '../../graph/operators.ts';
import { toBytes, toUnit } from '../../math/pixels.ts';
import { classify } from '../../networks/network.ts';
import type { Scope } from '../../networks/scope.ts';
import { type PatchCorner, placeOf } from '../badnet.ts';
import { pictureTrigger } from '../overlay.ts';
import type { Trigger } from '../trigger.ts';
import { minimise } from './minimise.ts';
import type { Surrogate, Workshop } from './workshop.ts';
import { drawBatch, SHARD } from './workshop.ts';

const NEURONS = 4;
const LEARNING_RATE = 0.1;

/** Where the patch stands. */
export interface Region {
  /** Side of the square, in pixels. */
  readonly size: number;
  readonly position: PatchCorner;
}

/** Channels of the penultimate layer with the largest sums of absolute weights to the labels, the largest first. */
export function wellConnected({ weights }: Surrogate): number[] {
  const { shape, data } = weights.get('linear.weight')!;
  const [classes, features] = shape as [number, number];
  const sums = Array.from({ length: features }, (_, f) =>
    Array.from({ length: classes }, (_, c) => Math.abs(data[c * features + f]!)).reduce((a, b) => a + b),
  );
  return [...sums.keys()].sort((a, b) => sums[b]! - sums[a]! || a - b).slice(0, NEURONS);
}

/** Fits the patch, which has to lie in the image. @returns what stamps it */
export async function trojanTrigger(
  workshop: Workshop,
  surrogate: Surrogate,
  region: Region,
): Promise<Trigger> {
  const { engine, steps, seed, onStep } = workshop;
  const fitted = await minimise(engine, {
    loss: (scope) => calmness(scope, surrogate, region),
    feeds: (step, shard) => ({ x: toUnit(drawBatch(workshop, 'trojannn', step, shard).pixels) }),
    fixed: surrogate.weights,
    steps,
    learningRate: LEARNING_RATE,
    seed,
    ...(onStep && { onStep }),
  });
  const { shape } = surrogate.spec.config;
  const picture = {
    pixels: toBytes(fitted.get('patch')!.data.map(Math.tanh)),
    shape: [shape[0], region.size, region.size] as const,
  };
  return pictureTrigger(picture, undefined, region.position, shape);
}

/** Minus the mean activation of the chosen neurons in images that carry the patch. */
function calmness(scope: Scope, surrogate: Surrogate, { size, position }: Region) {
  const { g } = scope;
  const [channels, height, width] = surrogate.spec.config.shape;
  const [top, left] = placeOf(position, [size, size], surrogate.spec.config.shape);
  const x = g.input('x', [SHARD, channels, height, width]);
  const patch = op.tanh(g, scope.parameter('patch', [1, channels, size, size], { bound: 1 }));
  const placed = op.pad(g, op.pad(g, patch, 2, top, height - size - top), 3, left, width - size - left);
  const outside = Float32Array.from({ length: height * width }, (_, at) => {
    const [row, column] = [Math.floor(at / width) - top, (at % width) - left];
    return row >= 0 && row < size && column >= 0 && column < size ? 0 : 1;
  });
  const cleared = op.mul(g, x, g.constant(outside, [1, 1, height, width]));
  const { features } = classify(scope, op.add(g, cleared, placed), surrogate.spec);
  const chosen = new Float32Array(features.shape[1]!);
  for (const neuron of wellConnected(surrogate)) chosen[neuron] = -1 / NEURONS / SHARD;
  return op.sum(g, op.mul(g, features, g.constant(chosen, [1, chosen.length])), [0, 1]);
}
