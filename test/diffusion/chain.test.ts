// Two rounds of the reference's chain with the reference's UNet and every noise recorded, on the real runtime.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffusionProcess } from '../../src/diffusion/process.ts';
import { linearSchedule } from '../../src/math/schedule.ts';
import { type DenoiserSpec, inferenceGraph, parametersOf } from '../../src/networks/network.ts';
import type { Executable } from '../../src/runtime/executor.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { readTorchCheckpoint } from '../../src/weights/torch-checkpoint.ts';
import { noiseScheduleFrom, unetConfigFrom } from '../../src/weights/unet-settings.ts';
import { expectWeights } from '../../src/weights/weights.ts';
import { candidatesOf } from '../support/candidates.ts';
import { readNpy } from '../support/npy.ts';
import { fixturePath } from '../support/paths.ts';

const CHECKPOINT = fixturePath('parity/unet-reference.ckpt');
const settings = readJson('unet-reference.json');
const spec: DenoiserSpec = { kind: 'unet', config: unetConfigFrom(settings, 'unet-reference.json') };
const TOLERANCE = 1e-4;

function readJson(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(fixturePath(`parity/${name}`), 'utf8'));
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}

describe('the reference chain', () => {
  let unet: Executable;

  beforeAll(async () => {
    const weights = expectWeights(await readTorchCheckpoint(CHECKPOINT), parametersOf(spec), CHECKPOINT);
    unet = await new OnnxEngine().load(inferenceGraph(spec, 4), { weights });
  });

  afterAll(() => unet.dispose());

  it('is reproduced from jump to last image', async () => {
    const { T, rounds, keepLast } = readJson('chain.json') as { T: number; rounds: number; keepLast: number };
    const noise = readNpy(fixturePath('parity/chain-noise.npy'));
    const recorded = readNpy(fixturePath('parity/chain-kept.npy'));
    const [, steps, count, ...image] = noise.shape as [number, number, number, number, number, number];
    const size = image.reduce((product, extent) => product * extent, 1);
    const { length, first, last } = noiseScheduleFrom(settings, 'unet-reference.json');
    const process = diffusionProcess(
      { depth: T, rounds, steps: T, keep: keepLast, kept: 'state', variance: 'fixed-large', seed: 0 },
      linearSchedule(length, first, last),
    );
    const x = readNpy(fixturePath('parity/chain-x0.npy')).data;

    const kept = await candidatesOf(
      process,
      async (x, t) => (await unet.run({ x, t: new Float32Array(count).fill(t) })).noise!,
      (out, sample, round, step) => {
        const start = ((round * steps + step) * count + sample) * size;
        out.set(noise.data.subarray(start, start + size));
      },
      x,
      count,
    );

    // recorded as [round, sample, kept, …], made as [sample, round, kept, …]
    const row = keepLast * size;
    const expected = new Float32Array(kept.length);
    for (let sample = 0; sample < count; sample++) {
      for (let round = 0; round < rounds; round++) {
        const start = (round * count + sample) * row;
        expected.set(recorded.data.subarray(start, start + row), (sample * rounds + round) * row);
      }
    }
    expect(largestDifference(kept, expected)).toBeLessThan(TOLERANCE);
    expect(largestDifference(x, readNpy(fixturePath('parity/chain-final.npy')).data)).toBeLessThan(TOLERANCE);
  });
});
