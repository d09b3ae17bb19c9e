// The purifying loop: rounds of forward jump and stepwise return, as in DataElixir's step 2. After k-diffusion it
// is a pure loop over (network, images, coefficients) with the noise injected; it knows no runtime, no random
// numbers and no schedule. Arithmetic is in place: nothing of an image's size is allocated after the start.

import { ShapeError } from '../errors.ts';
import { clamp, reverse } from '../math/kernels.ts';
import { addNoise } from './forward.ts';
import type { DiffusionProcess } from './process.ts';

/**
 * What the network predicts for a batch: what that is, the process knows.
 *
 * @param x        [N, C, H, W] float32, the images of one schedule index
 * @param timestep schedule index of all of them; 0 is one step of noise
 * @returns same length as x; the sampler overwrites it, and it may be the same array in every call
 */
export type Predict = (x: Float32Array, timestep: number) => Float32Array | Promise<Float32Array>;

/**
 * Fills `out` ([C, H, W]) with the standard normal noise of one sample. Step 0 of a round is the forward jump,
 * step 1 + k the k-th reverse step. It must depend on nothing else, so that a batch's make-up changes no output.
 */
export type NoiseSource = (out: Float32Array, sample: number, round: number, step: number) => void;

/**
 * Takes a candidate, float32 [C, H, W], which changes after the call. Estimates lie in [−1, 1]; states reach a little
 * beyond, by their noise, as in the reference.
 *
 * @param candidate index in [0, rounds × keep): rounds in order, each in order of time
 */
export type KeepImage = (image: Float32Array, sample: number, candidate: number) => void;

/**
 * Runs all rounds over a batch.
 *
 * @param x      [N, C, H, W] float32 in [−1, 1], the raw images; on return the final states, not limited
 * @param count  N
 * @throws {ShapeError} when x does not hold `count` images, or the network returns another size
 */
export async function sampleCandidates(
  process: DiffusionProcess,
  predict: Predict,
  noise: NoiseSource,
  x: Float32Array,
  count: number,
  keepImage: KeepImage,
): Promise<void> {
  const size = x.length / count;
  if (!Number.isInteger(size) || size === 0) {
    throw new ShapeError(
      `expected ${count} images of one size, found ${x.length} numbers; pass [N, C, H, W]`,
    );
  }
  const { rounds, keep, steps } = process;
  const images = Array.from({ length: count }, (_, n) => x.subarray(n * size, (n + 1) * size));
  const z = new Float32Array(size);
  for (let round = 0; round < rounds; round++) {
    for (const [n, image] of images.entries()) {
      noise(z, n, round, 0);
      addNoise(image, image, z, process.jumpAlphaBar);
    }
    for (const [k, step] of steps.entries()) {
      const estimates = await predict(x, step.timestep);
      checkPrediction(estimates, x);
      const slot = k + keep - steps.length;
      for (const [n, image] of images.entries()) {
        if (step.sigma > 0) noise(z, n, round, 1 + k);
        const estimate = estimates.subarray(n * size, (n + 1) * size);
        // image becomes x at the step before, estimate comes in as the prediction and leaves as x̂₀
        reverse(image, estimate, z, step);
        if (slot >= 0) keepImage(process.estimates ? estimate : image, n, round * keep + slot);
      }
    }
    if (round + 1 < rounds) clamp(x);
  }
}

function checkPrediction(predicted: Float32Array, x: Float32Array): void {
  if (predicted.length === x.length) return;
  throw new ShapeError(
    `expected a prediction of ${x.length} numbers, found ${predicted.length}; the denoiser does not fit the images`,
  );
}
