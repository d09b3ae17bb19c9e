// Networks small enough to run in seconds, untrained, as the files that a user would bring.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClassifierSpec, DenoiserSpec } from '../../src/networks/network.ts';
import type { UNetConfig } from '../../src/networks/unet-config.ts';
import { exportOnnx } from '../../src/runtime/export-onnx.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import type { ClassifierTraining } from '../../src/training/train-classifier.ts';
import { networkMetadata } from '../../src/weights/network-metadata.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';

export const tinyUnet: UNetConfig = {
  resolution: 32,
  inChannels: 3,
  outChannels: 3,
  ch: 8,
  chMult: [1, 2],
  numResBlocks: 1,
  attnResolutions: [],
  normGroups: 4,
};

export const tinyDenoiser: DenoiserSpec = { kind: 'unet', config: tinyUnet };

export const tinyClassifier: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: [3, 32, 32], classes: 10, widths: [4, 8] },
};

/** One epoch of a classifier in small batches, as it is trained by default otherwise. */
export const tinyTraining: ClassifierTraining = {
  epochs: 1,
  batch: 32,
  shards: 2,
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  seed: 7,
};

/** Writes `denoiser.safetensors` and `observer.onnx` for 3×32×32 images and ten classes. */
export async function writeTinyModels(folder: string): Promise<{ denoiser: string; observer: string }> {
  const paths = { denoiser: join(folder, 'denoiser.safetensors'), observer: join(folder, 'observer.onnx') };
  const weights = initialWeights(tinyDenoiser, 1);
  await writeSafetensors(paths.denoiser, weights, networkMetadata(tinyDenoiser, DDPM_SCHEDULE));
  await writeFile(paths.observer, exportOnnx(tinyClassifier, initialWeights(tinyClassifier, 1)));
  return paths;
}
