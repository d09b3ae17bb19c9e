// Small good networks in every kind of file that weights come in, and what a damaged one may give: weights that fit, all of
// them finite, or an error of the weights.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { sizeOf } from '../../src/graph/graph.ts';
import { scheduleFrom } from '../../src/math/schedule.ts';
import type { ClassifierSpec, DenoiserSpec } from '../../src/networks/network.ts';
import { exportOnnx } from '../../src/runtime/export-onnx.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import {
  type ClassifierWeights,
  type DenoiserWeights,
  loadClassifierWeights,
  loadDenoiserWeights,
} from '../../src/weights/load-weights.ts';
import { networkMetadata } from '../../src/weights/network-metadata.ts';
import { classNamesInModel } from '../../src/weights/onnx-class-names.ts';
import { encodeModel, model, node, valueInfo } from '../../src/weights/onnx-proto.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { DDPM_SCHEDULE } from '../../src/weights/unet-settings.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { toDiffusers } from '../support/diffusers-names.ts';
import { fadingDenoiser } from '../support/foreign-onnx.ts';
import { torchLegacy, torchZip } from '../support/torch-files.ts';
import { delimited, external, number } from './structures/protobuf.ts';
import { expectNoCanary, expectRefusal, type Outcome, type Target } from './target.ts';

const CLASSIFIER: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: [3, 8, 8], classes: 3, widths: [2, 3] },
};
const SIZES = { resolution: 4, inChannels: 3, outChannels: 3, numResBlocks: 1, attnResolutions: [] };
/** In as many groups as the reference, which its settings do not tell. */
const REFERENCE: DenoiserSpec = { kind: 'unet', config: { ...SIZES, ch: 32, chMult: [1] } };
const DENOISER: DenoiserSpec = {
  kind: 'unet',
  config: { ...SIZES, ch: 2, chMult: [1, 2], attnResolutions: [2], normGroups: 1 },
};
const SHAPE = [3, 8, 8] as const;

/** The settings of the first, as the reference has them. */
const SETTINGS = {
  data: { image_size: 4 },
  model: { in_channels: 3, out_ch: 3, ch: 32, ch_mult: [1], num_res_blocks: 1, attn_resolutions: [] },
  diffusion: { beta_schedule: 'linear', beta_start: 1e-4, beta_end: 0.02, num_diffusion_timesteps: 1000 },
};
/** And of the other one, as diffusers has them. */
const CONFIG = {
  ...{ _class_name: 'UNet2DModel', sample_size: 4, in_channels: 3, out_channels: 3, layers_per_block: 1 },
  ...{ attention_head_dim: null, norm_num_groups: 1, norm_eps: 1e-6, block_out_channels: [2, 4] },
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
};
const SCHEDULER = { beta_schedule: 'linear', beta_start: 1e-4, beta_end: 0.02, num_train_timesteps: 1000 };

export async function weightTargets(): Promise<Target[]> {
  const classifier = initialWeights(CLASSIFIER, 1);
  const denoiser = initialWeights(DENOISER, 1);
  const reference = initialWeights(REFERENCE, 1);
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const described = networkMetadata(DENOISER, DDPM_SCHEDULE);
  const names = { classNames: ['cat', 'dog', 'yak'] };
  return [
    classifierIn('classifier.safetensors', await safetensors(classifier, networkMetadata(CLASSIFIER))),
    classifierIn('bare.safetensors', await safetensors(prefixed(classifier))),
    classifierIn('classifier.pt', await torchZip(classifier)),
    classifierIn('classifier-legacy.pt', torchLegacy(classifier, 'model')),
    classifierIn('classifier.onnx', exportOnnx(CLASSIFIER, classifier, names)),
    classifierIn('elsewhere.onnx', elsewhere(), { 'm.onnx.data': Buffer.alloc(64, 1) }),
    denoiserIn('denoiser.safetensors', await safetensors(denoiser, described)),
    denoiserIn('fading.onnx', fadingDenoiser('v_prediction', scheduleFrom(DDPM_SCHEDULE), 3, PROPERTIES)),
    denoiserIn('settings.pt', await torchZip(reference, 'state_dict'), { 'settings.json': json(SETTINGS) }),
    await diffusersFolder(denoiser),
  ];
}
const PROPERTIES = {
  prediction_type: 'v_prediction',
  num_train_timesteps: '1000',
  rescale_betas_zero_snr: 'False',
};

function classifierIn(file: string, bytes: Uint8Array, others: Target['files'] = {}): Target {
  const read = async (root: string) => {
    const path = join(root, file);
    await classNamesInModel(path);
    return loadClassifierWeights(path, SHAPE);
  };
  return {
    name: file,
    files: { [file]: Buffer.from(bytes), ...others },
    read: (root) => outcome(() => read(root)),
  };
}

function denoiserIn(file: string, bytes: Uint8Array, others: Target['files'] = {}): Target {
  const read = (root: string) => outcome(() => loadDenoiserWeights(join(root, file), 4));
  return { name: file, files: { [file]: Buffer.from(bytes), ...others }, read };
}

async function diffusersFolder(weights: Weights): Promise<Target> {
  const named = [...toDiffusers(weights, ['to_q', 'to_k', 'to_v', 'to_out.0'], 2)];
  const shards = [named.slice(0, 20), named.slice(20)];
  const shardName = (i: number) => `diffusion_pytorch_model-0000${i + 1}-of-00002.safetensors`;
  const map = shards.flatMap((shard, i) => shard.map(([name]) => [name, shardName(i)]));
  const files = {
    'unet/config.json': CONFIG,
    'scheduler/scheduler_config.json': SCHEDULER,
    'unet/diffusion_pytorch_model.safetensors.index.json': { weight_map: Object.fromEntries(map) },
  };
  const texts = Object.entries(files).map(([name, value]) => [name, Buffer.from(JSON.stringify(value))]);
  const parts = await Promise.all(
    shards.map(async (shard, i) => [`unet/${shardName(i)}`, await safetensors(new Map(shard))]),
  );
  const read = (root: string) => outcome(() => loadDenoiserWeights(root));
  return { name: 'diffusers', files: Object.fromEntries([...texts, ...parts]), read };
}

/** A classifier whose weights lie in the file beside it. */
function elsewhere(): Buffer {
  const graph = {
    name: 'm',
    node: [node('Flatten', ['x'], ['flat']), node('MatMul', ['flat', 'w'], ['logits'])],
    initializer: [],
    input: [valueInfo('x', ['n', 1, 2, 2])],
    output: [valueInfo('logits', ['n', 2])],
  };
  const where = external({ location: 'm.onnx.data', offset: '8', length: '32' });
  const dims = [number(1, 4), number(1, 2), number(2, 1), delimited(8, Buffer.from('w'))];
  return Buffer.concat([encodeModel(model(graph, 17)), delimited(7, delimited(5, ...dims, where))]);
}

function prefixed(weights: Weights): Weights {
  return new Map([...weights].map(([name, tensor]) => [`module.${name}`, tensor]));
}

async function safetensors(
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-fuzz-'));
  try {
    const path = join(folder, 'weights.safetensors');
    await writeSafetensors(path, weights, metadata);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function outcome(load: () => Promise<ClassifierWeights | DenoiserWeights>): Promise<Outcome> {
  try {
    const found = await load();
    if (found.kind === 'onnx') {
      expectNoCanary(new Uint8Array(found.bytes));
      expectNoCanary(JSON.stringify(found.signature));
      return 'all read';
    }
    for (const [name, { shape, data }] of found.weights) {
      expect(data.length, name).toBe(sizeOf(shape));
      expect(data.every(Number.isFinite), name).toBe(true);
    }
    return 'all read';
  } catch (error) {
    return expectRefusal(error, WeightsError);
  }
}
