// Speed of the two networks of the paper at their published sizes, on one thread.

import type { ClassifierSpec, DenoiserSpec } from '../../src/networks/network.ts';
import { inferenceGraph } from '../../src/networks/network.ts';
import type { Engine } from '../../src/runtime/executor.ts';
import { initialWeights } from '../../src/training/initial-weights.ts';
import { lossStep } from '../../src/training/step-graphs.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { packWeights } from '../../src/weights/weights.ts';
import { Pool } from '../../src/workers/pool.ts';
import { flops, normals, shortest } from './measure.ts';

/** The DDPM of CIFAR-10, 35.7 M parameters (Ho et al. 2020). */
const UNET: DenoiserSpec = {
  kind: 'unet',
  config: {
    resolution: 32,
    inChannels: 3,
    outChannels: 3,
    ch: 128,
    chMult: [1, 2, 2, 2],
    numResBlocks: 2,
    attnResolutions: [16],
  },
};

const PREACTRESNET: ClassifierSpec = {
  kind: 'preactresnet18',
  config: { shape: [3, 32, 32], classes: 10, widths: [64, 128, 256, 512] },
};

/** FLOP/s of the UNet on batches of 8. */
export async function forwardRate(engine: Engine): Promise<number> {
  const graph = inferenceGraph(UNET, 8);
  const network = await engine.load(graph, { weights: initialWeights(UNET, 0) });
  const feeds = { x: normals([8, 3, 32, 32], 'x'), t: new Float32Array(8).fill(75) };
  const seconds = await shortest(() => network.run(feeds), 5);
  await network.dispose();
  return flops(graph) / seconds;
}

/** FLOP/s of a whole training step (forward, backward, update) of batch 128 in one worker. */
export async function trainingRate(): Promise<number> {
  const batch = 128;
  const pool = new Pool({ workers: 1, engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu' });
  const weights = packWeights(initialWeights(PREACTRESNET, 0));
  const trainer = new Trainer(pool, PREACTRESNET, weights, { shards: 1, shardSize: batch, rule: 'sgd' });
  const targets = new Float32Array(batch * 10);
  for (let i = 0; i < batch; i++) targets[i * 10 + (i % 10)] = 1;
  const shard = { kind: 'labelled', x: normals([batch, 3, 32, 32], 'x'), targets } as const;
  const seconds = await shortest(() => trainer.step([shard], Float32Array.of(0.01, 0.9, 5e-4)), 10);
  await pool.close();
  return flops(lossStep(PREACTRESNET, batch)) / seconds;
}
