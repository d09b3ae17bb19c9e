// The candidates of a batch as one array, for tests that look at all of them.

import type { DiffusionProcess } from '../../src/diffusion/process.ts';
import { type NoiseSource, type Predict, sampleCandidates } from '../../src/diffusion/sampler.ts';

/** float32 [N, rounds × keep, C, H, W]; the arguments are those of `sampleCandidates`. */
export async function candidatesOf(
  process: DiffusionProcess,
  predict: Predict,
  noise: NoiseSource,
  x: Float32Array,
  count: number,
): Promise<Float32Array> {
  const perSample = process.rounds * process.keep;
  const size = x.length / count;
  const all = new Float32Array(perSample * x.length);
  await sampleCandidates(process, predict, noise, x, count, (image, sample, candidate) => {
    all.set(image, (sample * perSample + candidate) * size);
  });
  return all;
}
