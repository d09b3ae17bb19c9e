// What the tests of pipes run with: untrained networks for images of 8×8, which take no time, and datasets for them.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportOnnx } from '../../src/runtime/export-onnx.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { networkMetadata } from '../../src/weights/network-metadata.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';
import { pngOf } from '../support/pictures.ts';

const SHAPE = [1, 8, 8] as const;
const CONFIG = `
workers: 1
inFlight: 16
denoiser: { path: denoiser.safetensors }
classifier: { widths: [4], epochs: 1, batch: 8 }
diffusion: { rounds: 1, steps: 1, batch: 8 }
detect: { rule: divergence, minority: 1 }
`;

/** Puts `config.yaml`, `denoiser.safetensors` and `observer.onnx`, which knows four classes, into a folder. */
export async function writeTinyNetworks(folder: string): Promise<void> {
  writeFileSync(join(folder, 'config.yaml'), CONFIG);
  const observer = { kind: 'small-cnn', config: { shape: SHAPE, classes: 4, widths: [4] } } as const;
  writeFileSync(join(folder, 'observer.onnx'), exportOnnx(observer, initialWeights(observer, 1)));
  const config = {
    resolution: 8,
    inChannels: 1,
    outChannels: 1,
    ch: 8,
    chMult: [1],
    numResBlocks: 1,
    attnResolutions: [],
    normGroups: 4,
  };
  const denoiser = { kind: 'unet', config } as const;
  const metadata = networkMetadata(denoiser, DDPM_SCHEDULE);
  await writeSafetensors(join(folder, 'denoiser.safetensors'), initialWeights(denoiser, 2), metadata);
}

/** NDJSON of `count` samples with labels 0 to 2, written as others would, with `padding` bytes in a field of theirs. */
export function tinySamples(count: number, padding = 0): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const image = pngOf(i, SHAPE).toString('base64');
    const note = '.'.repeat(padding);
    return `{"id": "n${i}", "camera": {"iso": 1e2}, "note": "${note}", "label": ${i % 3}, "image": "${image}"}\n`;
  });
  return lines.join('');
}
