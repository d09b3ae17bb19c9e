import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { readDiffusersFolder } from '../../src/weights/diffusers.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { readTorchCheckpoint } from '../../src/weights/torch-checkpoint.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { toDiffusers } from '../support/diffusers-names.ts';
import { temporaryFolder } from './temporary.ts';

const checkpoint = new URL('../../fixtures/parity/unet-reference.ckpt', import.meta.url).pathname;
const shared = new URL('../../../shared/parity/diffusers', import.meta.url).pathname;

/** The configuration that diffusers wrote for the checkpoint's network. */
const CONFIG = {
  _class_name: 'UNet2DModel',
  act_fn: 'silu',
  attention_head_dim: null,
  block_out_channels: [32, 64, 64],
  center_input_sample: false,
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'],
  downsample_padding: 0,
  flip_sin_to_cos: false,
  freq_shift: 1,
  in_channels: 3,
  layers_per_block: 1,
  mid_block_scale_factor: 1,
  norm_eps: 1e-6,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 16,
  time_embedding_type: 'positional',
  up_block_types: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
};
/** Stands for lists in lists beyond any stack. */
const DEEP = '@deep@';
const SCHEDULER = { beta_schedule: 'linear', beta_start: 0.0002, beta_end: 0.03, num_train_timesteps: 500 };

const UNET = {
  resolution: 16,
  inChannels: 3,
  outChannels: 3,
  ch: 32,
  chMult: [1, 2, 2],
  numResBlocks: 1,
  attnResolutions: [8],
};

async function pipeline(config: object, scheduler: object = SCHEDULER, unet = 'unet'): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, unet), { recursive: true });
  await mkdir(join(folder, 'scheduler'));
  const lists = '['.repeat(50_000) + ']'.repeat(50_000);
  const json = (value: object) => JSON.stringify(value).replace(JSON.stringify(DEEP), lists);
  await writeFile(join(folder, unet, 'config.json'), json(config));
  await writeFile(join(folder, 'scheduler/scheduler_config.json'), json(scheduler));
  return folder;
}

/** Equal names, shapes and bits; element-wise comparison by vitest takes seconds. */
function expectSame(found: Weights, expected: Weights): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    expect(found.get(name)!.shape, name).toEqual(shape);
    expect(Buffer.from(found.get(name)!.data.buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
  }
}

describe('readDiffusersFolder', () => {
  it.each([
    ['new', ['to_q', 'to_k', 'to_v', 'to_out.0']],
    ['old', ['query', 'key', 'value', 'proj_attn']],
  ])('translates the %s names of attention to those of the reference', async (_, attention) => {
    const reference = await readTorchCheckpoint(checkpoint);
    const folder = await pipeline(CONFIG);
    const file = join(folder, 'unet/diffusion_pytorch_model.safetensors');
    await writeSafetensors(file, toDiffusers(reference, attention, 3));
    const { config, weights, meaning } = await readDiffusersFolder(folder);
    expect(config).toEqual(UNET);
    expect(meaning.schedule).toEqual({ length: 500, first: 0.0002, last: 0.03 });
    expectSame(weights, reference);
  });

  it('configures what UNet2DModel does by default, and takes its defaults where keys are absent', async () => {
    const { attention_head_dim: _, downsample_padding: __, flip_sin_to_cos: ___, ...rest } = CONFIG;
    const { freq_shift: ____, norm_eps: _____, ...tutorial } = rest;
    const folder = await pipeline(tutorial);
    await cp(checkpoint, join(folder, 'unet/diffusion_pytorch_model.bin'));
    const { config } = await readDiffusersFolder(folder);
    const unlike = { epsilon: 1e-5, headChannels: 8, evenPadding: true, cosFirst: true, frequencyShift: 0 };
    expect(config).toEqual({ ...UNET, ...unlike });
  });

  it('reads the variant, or the full precision where both are there', async () => {
    const reference = await readTorchCheckpoint(checkpoint);
    const names = toDiffusers(reference, ['to_q', 'to_k', 'to_v', 'to_out.0'], 3);
    const folder = await pipeline(CONFIG);
    await writeSafetensors(join(folder, 'unet/diffusion_pytorch_model.fp16.safetensors'), names);
    expectSame((await readDiffusersFolder(folder)).weights, reference);
    await writeSafetensors(
      join(folder, 'unet/diffusion_pytorch_model.safetensors'),
      new Map([...names].slice(1)),
    );
    expect((await readDiffusersFolder(folder)).weights.size).toBe(reference.size - 1);
  });

  it.each([
    ['', ''],
    ['.fp16', '.fp16'],
  ])('reads shards by their index%s', async (variant) => {
    const reference = await readTorchCheckpoint(checkpoint);
    const folder = await pipeline(CONFIG);
    const map: Record<string, string> = {};
    const entries = [...toDiffusers(reference, ['to_q', 'to_k', 'to_v', 'to_out.0'], 3)];
    for (const shard of [0, 1]) {
      const name = `diffusion_pytorch_model${variant}-0000${shard + 1}-of-00002.safetensors`;
      const part = entries.filter((_, i) => i % 2 === shard);
      for (const [weight] of part) map[weight] = name;
      await writeSafetensors(join(folder, 'unet', name), new Map(part));
    }
    const index = join(folder, `unet/diffusion_pytorch_model.safetensors.index${variant}.json`);
    await writeFile(index, JSON.stringify({ weight_map: map }));
    expectSame((await readDiffusersFolder(folder)).weights, reference);
    await writeFile(
      index,
      JSON.stringify({ weight_map: { ...map, more: entries[0] && map[entries[0][0]] } }),
    );
    await expect(readDiffusersFolder(folder)).rejects.toThrow(/expected more in .* found none/);
  });

  it.each(['../diffusion_pytorch_model-1.safetensors', '/etc/passwd', 3, 'config.json'])(
    'opens no file that an index names elsewhere: %s',
    async (shard) => {
      const folder = await pipeline(CONFIG);
      const index = join(folder, 'unet/diffusion_pytorch_model.safetensors.index.json');
      await writeFile(index, JSON.stringify({ weight_map: { 'conv_in.weight': shard } }));
      await expect(readDiffusersFolder(folder)).rejects.toThrow(/names of shards beside it/);
    },
  );

  it('reads what the network predicts, and in which schedule', async () => {
    const scheduler = {
      _class_name: 'DDIMScheduler',
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      beta_end: 0.012,
      num_train_timesteps: 1000,
      prediction_type: 'v_prediction',
      rescale_betas_zero_snr: true,
      trained_betas: null,
    };
    const folder = await pipeline(CONFIG, scheduler);
    await cp(checkpoint, join(folder, 'unet/diffusion_pytorch_model.bin'));
    expect((await readDiffusersFolder(folder)).meaning).toEqual({
      schedule: { length: 1000, first: 0.00085, last: 0.012, kind: 'scaled_linear', zeroSnr: true },
      predicts: 'v_prediction',
    });
  });

  it('reads .bin weights, and folders without sub-folders', async () => {
    const folder = await pipeline(CONFIG, {}, '.');
    await cp(checkpoint, join(folder, 'diffusion_pytorch_model.bin'));
    const { config, weights, meaning } = await readDiffusersFolder(folder);
    expect(config).toEqual(UNET);
    expect(weights.size).toBe(182);
    expect(meaning.schedule).toEqual({ length: 1000, first: 1e-4, last: 0.02 });
  });

  it.skipIf(!existsSync(shared))(
    "gives the checkpoint's weights for the folder that diffusers wrote",
    async () => {
      const reference = await readTorchCheckpoint(checkpoint);
      const { config, weights } = await readDiffusersFolder(shared);
      expect(config).toEqual(UNET);
      expectSame(weights, reference);
      const written = JSON.parse(await readFile(join(shared, 'unet/config.json'), 'utf8'));
      expect(written).toMatchObject(CONFIG);
    },
  );

  it.each<[string, object, object, RegExp]>([
    ['wider padding', { downsample_padding: 2 }, {}, /downsample_padding 0 .* found 2/],
    ['heads that do not fit', { attention_head_dim: 24 }, {}, /attention_head_dim .* found 24/],
    ['another embedding', { time_embedding_type: 'fourier' }, {}, /time_embedding_type "positional"/],
    ['groups that do not fit', { norm_num_groups: 24 }, {}, /norm_num_groups .* found 24/],
    ['an epsilon that is none', { norm_eps: 'small' }, {}, /epsilon between 0 and 1/],
    ['other blocks', { down_block_types: ['ResnetDownsampleBlock2D'] }, {}, /down_block_types/],
    [
      'uneven attention',
      { up_block_types: ['AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'] },
      {},
      /up_block_types/,
    ],
    ['learned variances', { out_channels: 6 }, {}, /as many output as input channels \(3\)/],
    ['a size that is no number', { sample_size: [16, 16] }, {}, /resolution as an integer/],
    [
      'a schedule that is unknown',
      {},
      { beta_schedule: 'sigmoid' },
      /beta_schedule linear, scaled_linear or/,
    ],
    [
      'another prediction',
      {},
      { prediction_type: 'flow' },
      /prediction_type epsilon, v_prediction or sample/,
    ],
    ['widths that are none', { block_out_channels: [{ toString: 1 }] }, {}, /a list of numbers/],
    ['a size with a text of its own', { sample_size: { toString: 1 } }, {}, /resolution as an integer/],
    ['blocks deeper than any stack', { up_block_types: DEEP }, {}, /up_block_types .* found a list/],
    ['groups with a number of their own', { norm_num_groups: { valueOf: 1 } }, {}, /norm_num_groups/],
    ['a scheduler with a text of its own', {}, { beta_schedule: { toString: 1 } }, /beta_schedule linear/],
    ['a prediction deeper than any stack', {}, { prediction_type: DEEP }, /prediction_type .* found a list/],
    [
      'another process',
      {},
      { _class_name: 'FlowMatchEulerDiscreteScheduler' },
      /DDPM or one like it .* found "FlowMatch.*; bring another denoiser/,
    ],
  ])('refuses %s', async (_, config, scheduler, message) => {
    const folder = await pipeline({ ...CONFIG, ...config }, { ...SCHEDULER, ...scheduler });
    await cp(checkpoint, join(folder, 'unet/diffusion_pytorch_model.bin'));
    const reading = readDiffusersFolder(folder);
    await expect(reading).rejects.toThrow(WeightsError);
    await expect(reading).rejects.toThrow(message);
  });

  it('says which file is missing or no JSON', async () => {
    await expect(readDiffusersFolder(await temporaryFolder())).rejects.toThrow(
      /expected JSON in .*config\.json/,
    );
    await expect(readDiffusersFolder(await pipeline(CONFIG))).rejects.toThrow(
      /found none; fetch the weights/,
    );
    const folder = await pipeline(CONFIG);
    await writeFile(join(folder, 'unet/config.json'), 'version https://git-lfs');
    await expect(readDiffusersFolder(folder)).rejects.toThrow(WeightsError);
  });
});
