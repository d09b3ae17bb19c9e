import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { readDiffusersFolder } from '../../src/weights/diffusers.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { readTorchCheckpoint } from '../../src/weights/torch-checkpoint.ts';
import type { Weights } from '../../src/weights/weights.ts';
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

/** The way back: reference names to those of diffusers, one replacement after the other. */
function toDiffusers(weights: Weights, attention: readonly string[]): Weights {
  const [q, k, v, out] = attention;
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const renamed = name
        .replace('temb.dense.0', 'time_embedding.linear_1')
        .replace('temb.dense.1', 'time_embedding.linear_2')
        .replace('temb_proj', 'time_emb_proj')
        .replace(/^norm_out/, 'conv_norm_out')
        .replace('nin_shortcut', 'conv_shortcut')
        .replace('mid.block_1', 'mid_block.resnets.0')
        .replace('mid.block_2', 'mid_block.resnets.1')
        .replace('mid.attn_1', 'mid_block.attentions.0')
        .replace(/^up\.(\d)/, (_, level) => `up_blocks.${2 - Number(level)}`)
        .replace(/^down\.(\d)/, 'down_blocks.$1')
        .replace('.block.', '.resnets.')
        .replace('.attn.', '.attentions.')
        .replace('.downsample.', '.downsamplers.0.')
        .replace('.upsample.', '.upsamplers.0.')
        .replace(/(attentions\.\d)\.norm\./, '$1.group_norm.')
        .replace(/(attentions\.\d)\.q\./, `$1.${q}.`)
        .replace(/(attentions\.\d)\.k\./, `$1.${k}.`)
        .replace(/(attentions\.\d)\.v\./, `$1.${v}.`)
        .replace(/(attentions\.\d)\.proj_out\./, `$1.${out}.`);
      const dense = renamed.includes('attentions') && shape.length === 4;
      return [renamed, { shape: dense ? shape.slice(0, 2) : shape, data }];
    }),
  );
}

async function pipeline(config: object, scheduler: object = SCHEDULER, unet = 'unet'): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, unet), { recursive: true });
  await mkdir(join(folder, 'scheduler'));
  await writeFile(join(folder, unet, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'scheduler/scheduler_config.json'), JSON.stringify(scheduler));
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
    await writeSafetensors(file, toDiffusers(reference, attention));
    const { config, weights, schedule } = await readDiffusersFolder(folder);
    expect(config).toEqual(UNET);
    expect(schedule).toEqual({ length: 500, first: 0.0002, last: 0.03 });
    expectSame(weights, reference);
  });

  it('reads .bin weights, and folders without sub-folders', async () => {
    const folder = await pipeline(CONFIG, {}, '.');
    await cp(checkpoint, join(folder, 'diffusion_pytorch_model.bin'));
    const { config, weights, schedule } = await readDiffusersFolder(folder);
    expect(config).toEqual(UNET);
    expect(weights.size).toBe(182);
    expect(schedule).toEqual({ length: 1000, first: 1e-4, last: 0.02 });
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
    ['symmetric padding', { downsample_padding: 1 }, {}, /downsample_padding 0 .* found 1/],
    ['several heads', { attention_head_dim: 8 }, {}, /attention_head_dim null .* found 8/],
    ['another embedding', { flip_sin_to_cos: true }, {}, /flip_sin_to_cos false/],
    ['other groups', { norm_num_groups: 8 }, {}, /norm_num_groups 32/],
    ['other blocks', { down_block_types: ['ResnetDownsampleBlock2D'] }, {}, /down_block_types/],
    [
      'uneven attention',
      { up_block_types: ['AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'] },
      {},
      /up_block_types/,
    ],
    ['learned variances', { out_channels: 6 }, {}, /as many output as input channels \(3\)/],
    ['a size that is no number', { sample_size: [16, 16] }, {}, /resolution as an integer/],
    ['a cosine schedule', {}, { beta_schedule: 'squaredcos_cap_v2' }, /beta_schedule: linear/],
    ['another prediction', {}, { prediction_type: 'v_prediction' }, /prediction_type "epsilon"/],
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
      /found neither; fetch the weights/,
    );
    const folder = await pipeline(CONFIG);
    await writeFile(join(folder, 'unet/config.json'), 'version https://git-lfs');
    await expect(readDiffusersFolder(folder)).rejects.toThrow(WeightsError);
  });
});
