// Label-consistent backdoor (Turner et al. 2019, arXiv 1912.02771): images of the target class keep their label, but
// an adversarial perturbation makes what is in them hard to learn from, so that a model relies on the trigger beside
// it. The perturbation is found by projected gradient descent (Madry et al. 2018, arXiv 1706.06083) on a trained
// classifier; the trigger is a patch in all four corners. Test images get the patches only.

import type { ImageShape, Sample } from '../../datasets/sample.ts';
import { gradients } from '../../graph/gradients.ts';
import { GraphBuilder } from '../../graph/graph.ts';
import { classify } from '../../networks/network.ts';
import { Scope } from '../../networks/scope.ts';
import type { Engine, Executable } from '../../runtime/executor.ts';
import { badnet, type PatchCorner, type PatchPattern } from '../badnet.ts';
import type { Stamp } from '../poison.ts';
import type { Trigger } from '../trigger.ts';
import type { Surrogate } from './workshop.ts';
import { crossEntropy, oneHot, toBatch, toImages } from './workshop.ts';

/** Steps of the descent, and how far they reach together as a multiple of the bound (Madry et al. 2018). */
const STEPS = 20;
const REACH = 2.5;
/** Images in a call; gradients have no other batch size, so that short batches are filled up. */
const BATCH = 32;
/** 8-bit levels in a unit of the networks' pixels. */
const LEVELS = 127.5;
const CORNERS: readonly PatchCorner[] = ['top-left', 'top-right', 'bottom-left', 'bottom-right'];

/** The same patch in each corner. @throws {ConfigError} when it does not fit the images */
export function cornerPatches(size: number, pattern: PatchPattern, shape: ImageShape): Trigger {
  const patches = CORNERS.map((position) => badnet({ size, position, pattern }, shape));
  return (sample) => {
    let { pixels } = sample;
    for (const patch of patches) pixels = patch({ ...sample, pixels });
    return pixels;
  };
}

/**
 * Perturbs images so that the surrogate's loss on their own labels grows.
 *
 * @param amplitude largest change of a pixel, in 8-bit levels, a whole number
 */
export async function adversarialStamp(
  engine: Engine,
  surrogate: Surrogate,
  amplitude: number,
): Promise<Stamp> {
  const executable = await engine.load(inputGradient(surrogate), { weights: surrogate.weights });
  return async (samples) => {
    const parts = Array.from({ length: Math.ceil(samples.length / BATCH) }, (_, i) =>
      samples.slice(i * BATCH, (i + 1) * BATCH),
    );
    const perturbed = await Promise.all(
      parts.map((part) => ascend(executable, surrogate, part, amplitude / LEVELS)),
    );
    return perturbed.flat();
  };
}

/** Inputs `x` [BATCH, C, H, W] and `y` [BATCH, classes]; output `gradient`, that of the cross-entropy, like x. */
function inputGradient({ spec }: Surrogate) {
  const g = new GraphBuilder();
  const scope = new Scope(g, false);
  const x = g.input('x', [BATCH, ...spec.config.shape]);
  const y = g.input('y', [BATCH, spec.config.classes]);
  const { logits } = classify(scope, x, spec);
  g.output('gradient', gradients(g, crossEntropy(g, logits, y), [x])[0]!);
  return g.build();
}

async function ascend(
  executable: Executable,
  { spec }: Surrogate,
  samples: readonly Sample[],
  bound: number,
): Promise<Uint8Array[]> {
  const { shape, classes } = spec.config;
  const filled = Array.from({ length: BATCH }, (_, i) => samples[i % samples.length]!);
  const raw = toBatch(filled, shape);
  const y = oneHot(
    filled.map(({ label }) => label),
    classes,
  );
  const x = raw.slice();
  const stride = (REACH * bound) / STEPS;
  for (let step = 0; step < STEPS; step++) {
    const { gradient } = await executable.run({ x, y });
    for (let i = 0; i < x.length; i++) {
      const moved = x[i]! + stride * Math.sign(gradient![i]!);
      const near = Math.min(Math.max(moved, raw[i]! - bound), raw[i]! + bound);
      x[i] = Math.min(Math.max(near, -1), 1);
    }
  }
  return toImages(x, shape).slice(0, samples.length);
}
