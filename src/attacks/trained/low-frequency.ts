// Low-frequency trigger (Zeng et al. 2021, arXiv 2104.03413, section 5): one smooth perturbation for all images,
// found by gradient descent on a trained classifier, with the high frequencies filtered out on the way. Here the
// filter is exact: what is fitted are the lowest coefficients of a discrete cosine transform, the others are 0. It
// is added to the image, and no pixel changes by more than the amplitude.

import type { ImageShape } from '../../datasets/sample.ts';
import * as op from '../../graph/operators.ts';
import { toUnit } from '../../math/pixels.ts';
import { classify } from '../../networks/network.ts';
import type { Scope } from '../../networks/scope.ts';
import type { LabelMap } from '../label-map.ts';
import type { Trigger } from '../trigger.ts';
import { minimise } from './minimise.ts';
import type { Surrogate, Workshop } from './workshop.ts';
import { crossEntropy, drawBatch, oneHot, SHARD } from './workshop.ts';

/** Of all frequencies along a side, the lowest quarter. */
const PASSED = 1 / 4;
/** In amplitudes a step. */
const LEARNING_RATE = 0.05;
/** 8-bit levels in a unit of the networks' pixels. */
const LEVELS = 127.5;

/**
 * Fits the perturbation.
 *
 * @param amplitude largest change of a pixel, in 8-bit levels
 * @param relabel   which label an image of a label shall be given with the trigger
 * @returns float32 [C, H, W] in 8-bit levels
 */
export async function lowFrequencyPerturbation(
  workshop: Workshop,
  surrogate: Surrogate,
  amplitude: number,
  relabel: LabelMap['relabel'],
): Promise<Float32Array> {
  const { engine, steps, seed, onStep } = workshop;
  const { shape, classes } = surrogate.spec.config;
  const coefficientsOf = (weights: ReadonlyMap<string, { readonly data: Float32Array }>) =>
    weights.get('coefficients')!.data;
  const fitted = await minimise(engine, {
    loss: (scope) => perturbedLoss(scope, surrogate, amplitude),
    feeds: (step, shard) => {
      const { pixels, labels } = drawBatch(workshop, 'low-frequency', step, shard);
      return { x: toUnit(pixels), hoped: oneHot([...labels].map(relabel), classes) };
    },
    fixed: surrogate.weights,
    steps,
    learningRate: LEARNING_RATE,
    seed,
    project: (weights) => limit(coefficientsOf(weights), shape),
    ...(onStep && { onStep }),
  });
  return synthesise(coefficientsOf(fitted), shape).map((value) => value * amplitude);
}

/** Adds a perturbation in 8-bit levels to images. */
export function perturb(perturbation: Float32Array): Trigger {
  return ({ pixels }) =>
    Uint8Array.from(Uint8ClampedArray.from(pixels, (value, i) => value + perturbation[i]!));
}

function perturbedLoss(scope: Scope, { spec }: Surrogate, amplitude: number) {
  const { g } = scope;
  const [channels, height, width] = spec.config.shape;
  const x = g.input('x', [SHARD, channels, height, width]);
  const hoped = g.input('hoped', [SHARD, spec.config.classes]);
  const [rows, columns] = [cosines(height), cosines(width)];
  const passed = [1, channels, rows.length / height, columns.length / width];
  const coefficients = scope.parameter('coefficients', passed, { constant: 0 });
  const across = op.matmul(g, coefficients, op.transposeLast(g, g.constant(columns, [width, passed[3]!])));
  const perturbation = op.matmul(g, g.constant(rows, [height, passed[2]!]), across);
  const stamped = op.add(g, x, op.mul(g, perturbation, g.scalar(amplitude / LEVELS)));
  const { logits } = classify(scope, op.clipToUnit(g, stamped), spec);
  return crossEntropy(g, logits, hoped);
}

/** The lowest waves of a DCT-II over `side` pixels, from −1 to 1: [side, passed]. */
function cosines(side: number): Float32Array {
  const passed = Math.ceil(side * PASSED);
  return Float32Array.from({ length: side * passed }, (_, at) => {
    const [pixel, wave] = [Math.floor(at / passed), at % passed];
    return Math.cos((Math.PI * (2 * pixel + 1) * wave) / (2 * side));
  });
}

/** The perturbation [C, H, W] of coefficients [C, rows passed, columns passed]. */
function synthesise(coefficients: Float32Array, [channels, height, width]: ImageShape): Float32Array {
  const [rows, columns] = [cosines(height), cosines(width)];
  const [down, across] = [rows.length / height, columns.length / width];
  return Float32Array.from({ length: channels * height * width }, (_, at) => {
    const [c, y, x] = [Math.floor(at / height / width), Math.floor(at / width) % height, at % width];
    let sum = 0;
    for (let u = 0; u < down; u++) {
      for (let v = 0; v < across; v++) {
        sum += coefficients[(c * down + u) * across + v]! * rows[y * down + u]! * columns[x * across + v]!;
      }
    }
    return sum;
  });
}

/** Scales the coefficients down, in place, until no pixel of what they make exceeds 1. */
function limit(coefficients: Float32Array, shape: ImageShape): void {
  const largest = synthesise(coefficients, shape).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest <= 1) return;
  for (let i = 0; i < coefficients.length; i++) coefficients[i] = coefficients[i]! / largest;
}
