// Speed of the two networks of the paper at their published sizes, and of the training of the two that the
// configuration has by default, on one thread.

import { sizeOf } from '../../src/graph/graph.ts';
import type { ClassifierSpec, DenoiserSpec, NetworkSpec } from '../../src/networks/network.ts';
import { imageShape, inferenceGraph } from '../../src/networks/network.ts';
import type { Engine } from '../../src/runtime/executor.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { lossStep } from '../../src/training/steps/step-graphs.ts';
import type { TrainingShape } from '../../src/training/trainer.ts';
import { Trainer } from '../../src/training/trainer.ts';
import { packWeights } from '../../src/weights/weights.ts';
import { Pool } from '../../src/workers/pool.ts';
import type { GradientTask } from '../../src/workers/protocol.ts';
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

const SMALL_CNN: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: [1, 28, 28], classes: 10, widths: [16, 32, 64, 128] },
};

const SMALL_UNET: DenoiserSpec = {
  kind: 'unet',
  config: {
    resolution: 28,
    inChannels: 1,
    outChannels: 1,
    ch: 16,
    chMult: [1, 2, 4],
    numResBlocks: 1,
    attnResolutions: [],
    normGroups: 8,
  },
};

/** Learning rate, momentum, weight decay. */
const SGD = Float32Array.of(0.01, 0.9, 5e-4);
/** As `adamUpdate` lists them. */
const ADAM = Float32Array.of(1e-4, 0.9, 0.999, 1, 1e-8, 0.995);

/** FLOP/s of the UNet on batches of 8. */
export async function forwardRate(engine: Engine): Promise<number> {
  const graph = inferenceGraph(UNET, 8);
  const network = await engine.load(graph, { weights: initialWeights(UNET, 0) });
  const feeds = { x: normals([8, 3, 32, 32], 'x'), t: new Float32Array(8).fill(75) };
  const seconds = await shortest(() => network.run(feeds), 5);
  await network.dispose();
  return flops(graph) / seconds;
}

/** FLOP/s of a whole training step (forward, backward, update) of PreActResNet-18, batch 128, in one worker. */
export function preActResNetStepRate(): Promise<number> {
  return labelledStepRate(PREACTRESNET, { shards: 1, shardSize: 128 });
}

/** As above, of the small CNN as the configuration has it by default, for images of Fashion-MNIST. */
export function smallCnnStepRate(): Promise<number> {
  return labelledStepRate(SMALL_CNN, { shards: 2, shardSize: 64 });
}

/** As above, of the UNet that is trained by default, for images of Fashion-MNIST; with the noise drawn. */
export function smallUnetStepRate(): Promise<number> {
  const shape = { shards: 2, shardSize: 32 };
  const pixels = new Uint8Array(shape.shardSize * sizeOf(imageShape(SMALL_UNET))).fill(100);
  const shard = { kind: 'noisy', pixels, count: shape.shardSize, seed: 0, step: 0, depth: 200 } as const;
  return stepRate(SMALL_UNET, { ...shape, rule: 'adam' }, shard, ADAM);
}

type Shards = Omit<TrainingShape, 'rule'>;

function labelledStepRate(spec: ClassifierSpec, shape: Shards): Promise<number> {
  const { classes } = spec.config;
  const targets = new Float32Array(shape.shardSize * classes);
  for (let i = 0; i < shape.shardSize; i++) targets[i * classes + (i % classes)] = 1;
  const shard = {
    kind: 'labelled',
    x: normals([shape.shardSize, ...imageShape(spec)], 'x'),
    targets,
  } as const;
  return stepRate(spec, { ...shape, rule: 'sgd' }, shard, SGD);
}

async function stepRate(
  spec: NetworkSpec,
  shape: TrainingShape,
  shard: GradientTask['data'],
  hyper: Float32Array,
): Promise<number> {
  const pool = new Pool({ workers: 1, engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu' });
  const trainer = new Trainer(pool, spec, packWeights(initialWeights(spec, 0)), shape);
  const shards = Array.from({ length: shape.shards }, () => shard);
  const seconds = await shortest(() => trainer.step(shards, hyper), 10);
  await pool.close();
  return (shape.shards * flops(lossStep(spec, shape.shardSize))) / seconds;
}
