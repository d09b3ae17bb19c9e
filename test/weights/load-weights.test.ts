import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { sizeOf } from '../../src/graph/graph.ts';
import type { NetworkSpec } from '../../src/networks/network.ts';
import { parametersOf } from '../../src/networks/network.ts';
import type { DenoiserWeights } from '../../src/weights/load-weights.ts';
import { loadClassifierWeights, loadDenoiserWeights } from '../../src/weights/load-weights.ts';
import { networkMetadata } from '../../src/weights/network-metadata.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { temporaryFile, temporaryFolder } from './temporary.ts';

const fixtures = new URL('../../fixtures/', import.meta.url).pathname;
const checkpoint = `${fixtures}parity/unet-reference.ckpt`;
const resnet = `${fixtures}parity/preactresnet-initial.pt`;

const UNET = {
  resolution: 16,
  inChannels: 3,
  outChannels: 3,
  ch: 32,
  chMult: [1, 2, 2],
  numResBlocks: 1,
  attnResolutions: [8],
};
const SCHEDULE = { length: 1000, first: 1e-4, last: 0.02 };
const CNN: NetworkSpec = { kind: 'small-cnn', config: { shape: [1, 28, 28], classes: 10, widths: [4, 8] } };

function someWeights(spec: NetworkSpec): Weights {
  return new Map(
    parametersOf(spec).map(({ name, shape }, i) => {
      return [name, { shape, data: new Float32Array(sizeOf(shape)).fill(i) }];
    }),
  );
}

/** The reference checkpoint without its configuration, or with another one beside it. */
async function bareCheckpoint(settings?: string, name = 'bare.yml'): Promise<string> {
  const folder = await temporaryFolder();
  await cp(checkpoint, join(folder, 'bare.ckpt'));
  if (settings !== undefined) await writeFile(join(folder, name), settings);
  return join(folder, 'bare.ckpt');
}

function graphOf(loaded: DenoiserWeights): Extract<DenoiserWeights, { kind: 'unet' }> {
  if (loaded.kind !== 'unet') throw new Error('expected a unet');
  return loaded;
}

describe('loadDenoiserWeights', () => {
  it('reads a checkpoint with the configuration beside it, weights in the order of the network', async () => {
    const { config, weights, meaning } = graphOf(await loadDenoiserWeights(checkpoint));
    expect(config).toEqual(UNET);
    expect(meaning).toEqual({ schedule: SCHEDULE, predicts: 'epsilon' });
    expect([...weights.keys()]).toEqual(parametersOf({ kind: 'unet', config }).map(({ name }) => name));
  });

  it('infers the configuration from the shapes, given the size of the images', async () => {
    expect(graphOf(await loadDenoiserWeights(await bareCheckpoint(), 16)).config).toEqual(UNET);
    await expect(loadDenoiserWeights(await bareCheckpoint())).rejects.toThrow(/state the side of its images/);
  });

  it('reads the sections of the DDIM repository', async () => {
    const yaml = `
data: {dataset: CIFAR10, image_size: 16, channels: 3}
model: {type: simple, in_channels: 3, out_ch: 3, ch: 32, ch_mult: [1, 2, 2], num_res_blocks: 1, attn_resolutions: [8, ], dropout: 0.1}
diffusion: {beta_schedule: linear, beta_start: 0.0001, beta_end: 0.02, num_diffusion_timesteps: 1000}`;
    const loaded = graphOf(await loadDenoiserWeights(await bareCheckpoint(yaml)));
    expect(loaded.config).toEqual(UNET);
    expect(loaded.meaning.schedule).toEqual(SCHEDULE);
  });

  it('lets nobody write to the terminal by way of settings', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const hostile = '%\u001b[2J x\n---\n!\u001b[2J {}\n';
    await expect(loadDenoiserWeights(await bareCheckpoint(hostile))).rejects.toThrow(WeightsError);
    await new Promise(setImmediate);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('reads schedules and predictions by the names of several libraries', async () => {
    const meaningOf = async (said: object) =>
      graphOf(
        await loadDenoiserWeights(await bareCheckpoint(JSON.stringify({ ...referenceSettings(), ...said }))),
      ).meaning;
    expect(await meaningOf({ beta_schedule: 'cosine', prediction_type: 'sample' })).toEqual({
      schedule: { ...SCHEDULE, kind: 'squaredcos_cap_v2' },
      predicts: 'sample',
    });
    expect((await meaningOf({ beta_schedule: 'quad' })).schedule.kind).toBe('scaled_linear');
    const betas = [0.1, 0.2, 1];
    expect((await meaningOf({ trained_betas: betas })).schedule).toEqual({ ...SCHEDULE, length: 3, betas });
  });

  it.each<[string, string, RegExp]>([
    [
      'βs that are none',
      JSON.stringify({ ...referenceSettings(), trained_betas: [0.1, 1, 0.1] }),
      /trained_betas/,
    ],
    [
      'settings of a wider network',
      JSON.stringify({ ...referenceSettings(), ch: 64 }),
      /wrong shape: temb\.dense\.0\.weight/,
    ],
    [
      'settings with more levels',
      JSON.stringify({ ...referenceSettings(), ch_mult: [1, 2, 2, 2] }),
      /missing: down\./,
    ],
    [
      'settings with more levels than the image has sides',
      JSON.stringify({ ...referenceSettings(), ch_mult: [1, 1, 1, 1, 1, 1] }),
      /cannot be built: .* divisible by 32, found 16×16/,
    ],
    [
      'settings without attention',
      JSON.stringify({ ...referenceSettings(), attn_resolutions: [] }),
      /unexpected: down\.1\.attn/,
    ],
    [
      'settings without a size',
      JSON.stringify({ ...referenceSettings(), resolution: undefined }),
      /resolution as an integer/,
    ],
    [
      'an enormous network',
      JSON.stringify({ ...referenceSettings(), num_res_blocks: 1e9 }),
      /numResBlocks as an integer/,
    ],
    [
      'another schedule',
      JSON.stringify({ ...referenceSettings(), beta_schedule: 'sigmoid' }),
      /beta_schedule linear, scaled_linear or squaredcos_cap_v2/,
    ],
    ['settings that are none', 'just text', /settings of a UNet/],
    ['settings that do not parse', '{a: [', /YAML or JSON/],
  ])('refuses %s', async (_, settings, message) => {
    const loading = loadDenoiserWeights(await bareCheckpoint(settings));
    await expect(loading).rejects.toThrow(WeightsError);
    await expect(loading).rejects.toThrow(message);
  });

  it('reads safetensors of this project without any other file, whatever the name', async () => {
    const path = join(await temporaryFolder(), 'ema.bin');
    const spec: NetworkSpec = { kind: 'unet', config: { ...UNET, ch: 8, chMult: [1], attnResolutions: [] } };
    const weights = someWeights(spec);
    const schedule = { length: 200, first: 0.001, last: 0.01 };
    await writeSafetensors(path, weights, networkMetadata(spec, schedule));
    const loaded = await loadDenoiserWeights(path);
    expect(loaded).toEqual({
      kind: 'unet',
      config: spec.config,
      weights,
      meaning: { schedule, predicts: 'epsilon' },
    });
  });

  it('reads a diffusers folder and an ONNX file', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'unet'));
    await cp(checkpoint, join(folder, 'unet/diffusion_pytorch_model.bin'));
    const config = await readFile(`${fixtures}parity/diffusers-unet-config.json`, 'utf8');
    await writeFile(join(folder, 'unet/config.json'), config);
    expect(graphOf(await loadDenoiserWeights(folder)).config).toEqual(UNET);
    const onnx = await loadDenoiserWeights(`${fixtures}weights/denoiser.onnx`);
    expect(onnx).toMatchObject({ kind: 'onnx', signature: { t: { name: 'timesteps' } } });
    expect(onnx).toHaveProperty('bytes', expect.any(SharedArrayBuffer));
    expect(onnx.meaning).toEqual({ schedule: SCHEDULE, predicts: 'epsilon' });
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['a missing file', async () => '/nowhere/unet.ckpt', /found none to read/],
    ['an empty file', () => temporaryFile('e.ckpt', new Uint8Array(0)), /starts with nothing/],
    [
      'an image',
      () => temporaryFile('e.png', Buffer.from('89504e470d0a1a0a00', 'hex')),
      /starts with 89504e470d0a1a0a00/,
    ],
    [
      'a classifier',
      async () => resnet,
      /expected the UNet of the DDPM reference .* no convolution conv_in\.weight/,
    ],
    ['an ONNX classifier', async () => `${fixtures}weights/classifier.onnx`, /expected a denoiser/],
    ['a malicious checkpoint', async () => `${fixtures}weights/malicious.pt`, /the global posix\.system/],
  ])('refuses %s', async (_, path, message) => {
    const loading = loadDenoiserWeights(await path(), 16);
    await expect(loading).rejects.toThrow(WeightsError);
    await expect(loading).rejects.toThrow(message);
  });
});

describe('loadClassifierWeights', () => {
  it('recognises a PreActResNet-18 by its weights', async () => {
    const loaded = await loadClassifierWeights(resnet, [3, 32, 32]);
    expect(loaded).toMatchObject({
      kind: 'preactresnet18',
      config: { shape: [3, 32, 32], classes: 10, widths: [8, 16, 32, 64] },
    });
    await expect(loadClassifierWeights(resnet)).rejects.toThrow(/state channels, height, width/);
  });

  it('reads safetensors with and without a description, and an ONNX file', async () => {
    const path = join(await temporaryFolder(), 'observer.safetensors');
    const weights = someWeights(CNN);
    await writeSafetensors(path, weights, networkMetadata(CNN));
    expect(await loadClassifierWeights(path)).toEqual({ ...CNN, weights });
    await writeSafetensors(path, weights);
    expect(await loadClassifierWeights(path, [1, 28, 28])).toEqual({ ...CNN, weights });
    const onnx = await loadClassifierWeights(`${fixtures}weights/classifier.onnx`);
    expect(onnx).toMatchObject({ kind: 'onnx', signature: { features: { name: 'features' } } });
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['a folder', () => temporaryFolder(), /not a regular file but a folder\); check the path/],
    ['a UNet', async () => checkpoint, /expected a PreActResNet-18 or a small CNN/],
    ['a described UNet', () => described('{"kind":"unet","config":{"ch":8}}'), /expected/],
    [
      'another kind',
      () => described('{"kind":"vgg16","config":{}}'),
      /description of a network .* found "vgg16"/,
    ],
    ['a description that is no JSON', () => described('{'), /description of a network/],
    [
      'a description of another size',
      () => described(WIDER),
      /wrong shape: .*stage0\.conv\.weight \[4,1,3,3\]/,
    ],
    ['an enormous description', () => described(JSON.stringify(CNN).replace('28', '1e12')), /description/],
  ])('refuses %s', async (_, path, message) => {
    const loading = loadClassifierWeights(await path(), [3, 32, 32]);
    await expect(loading).rejects.toThrow(WeightsError);
    await expect(loading).rejects.toThrow(message);
  });
});

const WIDER = JSON.stringify(CNN).replace('[4,8]', '[16,8]');

async function described(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'w.safetensors');
  await writeSafetensors(path, someWeights(CNN), { dataelixir: text });
  return path;
}

/** fixtures/parity/unet-reference.json. */
function referenceSettings(): Record<string, unknown> {
  return {
    resolution: 16,
    in_channels: 3,
    out_ch: 3,
    ch: 32,
    ch_mult: [1, 2, 2],
    num_res_blocks: 1,
    attn_resolutions: [8],
  };
}
