// Both engines against the reference's numbers: 1e-4 absolute on outputs, 1e-3 relative on gradients, tensor by
// tensor.

import { describe, expect, it } from 'vitest';
import { inferenceGraph, parametersOf } from '../../src/networks/network.ts';
import type { NamedArrays } from '../../src/runtime/executor.ts';
import { classifierStep, denoiserStep, GRADIENT } from '../../src/training/steps/step-graphs.ts';
import { readSafetensors } from '../../src/weights/safetensors.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { difference, ENGINES, evaluate, largest } from '../support/graphs.ts';
import type { ReferenceTraining } from '../support/parity.ts';
import {
  classifier,
  classifierWeights,
  classifierWeightsOffTheKinks,
  denoiser,
  denoiserWeights,
  parityArray,
  parityJson,
  parityPath,
  trainingBatch,
} from '../support/parity.ts';

const OUTPUT_TOLERANCE = 1e-4;
const GRADIENT_TOLERANCE = 1e-3;
/** Gradients that cancel out (a bias before a normalisation, of attention keys) are rounding errors of this size. */
const CANCELLED = 1e-6;
/** `unet-train-grad-sampled.py` keeps every seventh element. */
const STRIDE = 7;

function parameters(weights: Weights): NamedArrays {
  return Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));
}

function expectGradients(found: NamedArrays, expected: Weights, stride: number) {
  const floor = CANCELLED * Math.max(...[...expected.values()].map(({ data }) => largest(data)));
  for (const [name, { data }] of expected) {
    const gradient = found[`${GRADIENT}${name}`]!.filter((_, i) => i % stride === 0);
    expect(difference(gradient, data), name).toBeLessThan(GRADIENT_TOLERANCE * largest(data) + floor);
  }
}

describe.each(ENGINES)('the reference on %s', (_, create) => {
  it('UNet: predicted noise', async () => {
    const x = parityArray('unet-x');
    const graph = inferenceGraph(denoiser, x.shape[0]!);
    const feeds = { x: x.data, t: parityArray('unet-t').data };
    const { noise } = await evaluate(await create(), graph, feeds, { weights: await denoiserWeights() });
    expect(difference(noise!, parityArray('unet-eps').data)).toBeLessThan(OUTPUT_TOLERANCE);
  });

  it('PreActResNet: logits and features', async () => {
    const logits = parityArray('resnet-eval-logits');
    const graph = inferenceGraph(classifier, logits.shape[0]!);
    const weights = await classifierWeights();
    const found = await evaluate(await create(), graph, { x: trainingBatch(0).x }, { weights });
    expect(difference(found.logits!, logits.data)).toBeLessThan(OUTPUT_TOLERANCE);
    const features = parityArray('resnet-eval-features').data;
    expect(difference(found.features!, features)).toBeLessThan(OUTPUT_TOLERANCE);
  });

  it('PreActResNet: loss and gradients of the first training step', async () => {
    const { loss, batch } = parityJson('train.json') as ReferenceTraining;
    const feeds = { ...trainingBatch(0), ...parameters(await classifierWeightsOffTheKinks()) };
    const found = await evaluate(await create(), classifierStep(classifier, batch), feeds);
    expect(found.loss![0]).toBeCloseTo(loss[0]!, 4);
    const { weights } = await readSafetensors(parityPath('preactresnet-grad-step0.safetensors'));
    expect(weights.size).toBe(parametersOf(classifier).filter(({ trained }) => trained).length);
    expectGradients(found, weights, 1);
  });

  it('UNet: loss and gradients of noise prediction', async () => {
    const x = parityArray('unet-train-x');
    const graph = denoiserStep(denoiser, x.shape[0]!);
    const [t, noise] = [parityArray('unet-train-t').data, parityArray('unet-train-target').data];
    const feeds = { x: x.data, t, noise, ...parameters(await denoiserWeights()) };
    const found = await evaluate(await create(), graph, feeds);
    expect(found.loss![0]).toBeCloseTo(parityJson('unet-train.json').loss, 4);
    const { weights } = await readSafetensors(parityPath('unet-train-grad-sampled.safetensors'));
    expect(weights.size).toBe(parametersOf(denoiser).length);
    expectGradients(found, weights, STRIDE);
  });
});
