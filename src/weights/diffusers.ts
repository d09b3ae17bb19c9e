// Pipeline folders of Hugging Face's diffusers, such as google/ddpm-cifar10-32: a UNet2DModel in JSON and its
// weights under other names than the reference's. The names are translated, and what UNet2DModel does otherwise by default
// than the reference is configured; what it can do and the UNet here cannot (other embeddings and blocks) is refused by name.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeightsError } from '../errors.ts';
import type { UNetConfig } from '../networks/unet-config.ts';
import { shown } from '../shown.ts';
import { readDiffusersWeights, readSettingsJson } from './diffusers-files.ts';
import type { DenoiserMeaning, Settings } from './unet-settings.ts';
import { checkUNetConfig, denoiserMeaningFrom } from './unet-settings.ts';
import type { Weights, WeightTensor } from './weights.ts';

export interface DiffusersUNet {
  readonly config: UNetConfig;
  /** By the reference's names; attention projections as 1×1 convolutions. */
  readonly weights: Weights;
  readonly meaning: DenoiserMeaning;
}

/** What UNet2DModel takes where its configuration says nothing, if that is not checked below. */
const DEFAULTS: Settings = {
  attention_head_dim: 8,
  block_out_channels: [224, 448, 672, 896],
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D'],
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 3,
  layers_per_block: 2,
  norm_eps: 1e-5,
  norm_num_groups: 32,
  out_channels: 3,
  up_block_types: ['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
};

/** What UNet2DModel must be set to so that the UNet here computes the same; absent keys are checked, too. */
const REQUIRED: Readonly<Record<string, readonly unknown[]>> = {
  act_fn: ['silu', 'swish', undefined],
  add_attention: [true, undefined],
  attn_norm_num_groups: [null, undefined],
  center_input_sample: [false, undefined],
  class_embed_type: [null, undefined],
  downsample_padding: [0, 1],
  downsample_type: ['conv', undefined],
  flip_sin_to_cos: [false, true],
  freq_shift: [1, 0],
  mid_block_scale_factor: [1, undefined],
  mid_block_type: ['UNetMidBlock2D', undefined],
  num_class_embeds: [null, undefined],
  resnet_time_scale_shift: ['default', undefined],
  time_embedding_dim: [null, undefined],
  time_embedding_type: ['positional', undefined],
  upsample_type: ['conv', undefined],
};

/** Parts of a residual block and an attention block that are called otherwise; older releases came first. */
const PARTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    time_emb_proj: 'temb_proj',
    conv_shortcut: 'nin_shortcut',
    group_norm: 'norm',
    query: 'q',
    key: 'k',
    value: 'v',
    proj_attn: 'proj_out',
    to_q: 'q',
    to_k: 'k',
    to_v: 'v',
    'to_out.0': 'proj_out',
  }),
);

const MODULES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    conv_in: 'conv_in',
    conv_norm_out: 'norm_out',
    conv_out: 'conv_out',
    'time_embedding.linear_1': 'temb.dense.0',
    'time_embedding.linear_2': 'temb.dense.1',
    'mid_block.resnets.0': 'mid.block_1',
    'mid_block.attentions.0': 'mid.attn_1',
    'mid_block.resnets.1': 'mid.block_2',
  }),
);

/** Module, part of it, and kind of a weight. */
const NAME =
  /^((?:(?:down|up)_blocks\.\d+|mid_block)\.[a-z]+\.\d+|time_embedding\.\w+|conv_\w+)(?:\.(.+))?\.(weight|bias)$/;

/**
 * Reads a pipeline folder, or its `unet` folder alone.
 *
 * @throws {WeightsError} when a file is missing or damaged, or the model is not the reference's UNet
 */
export async function readDiffusersFolder(folder: string): Promise<DiffusersUNet> {
  const unet = existsSync(join(folder, 'unet')) ? join(folder, 'unet') : folder;
  const configPath = join(unet, 'config.json');
  const config = toUNetConfig(await readSettingsJson(configPath), configPath);
  const scheduler = ['scheduler/scheduler_config.json', 'scheduler_config.json']
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  const meaning = denoiserMeaningFrom(
    scheduler ? await readSettingsJson(scheduler) : {},
    scheduler ?? folder,
  );
  const weights = await readDiffusersWeights(unet);
  return {
    config,
    weights: toReferenceNames(weights, config.chMult.length),
    meaning,
  };
}

/**
 * Translates the names of a UNet2DModel; unknown names stay as they are, for `expectWeights` to report.
 *
 * @param levels resolutions of the UNet; diffusers counts the upward path from the bottom
 */
function toReferenceNames(weights: Weights, levels: number): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const renamed = toReferenceName(name, levels);
      return [renamed, isProjection(renamed) ? toConvolution(tensor) : tensor];
    }),
  );
}

function toReferenceName(name: string, levels: number): string {
  const [, module, part, kind] = NAME.exec(name) ?? [];
  if (module === undefined) return name;
  const renamed = MODULES.get(module) ?? blockName(module, levels);
  return [renamed, ...(part === undefined ? [] : [PARTS.get(part) ?? part]), kind].join('.');
}

/** `up_blocks.0.resnets.1` → `up.3.block.1` with four levels. */
function blockName(module: string, levels: number): string {
  const [, side, index, group, member] = /^(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)$/.exec(module) ?? [];
  const level = side === 'up' ? levels - 1 - Number(index) : index;
  switch (group) {
    case 'resnets':
      return `${side}.${level}.block.${member}`;
    case 'attentions':
      return `${side}.${level}.attn.${member}`;
    case 'downsamplers':
    case 'upsamplers':
      return `${side}.${level}.${group.slice(0, -2)}`;
    default:
      return module;
  }
}

function isProjection(name: string): boolean {
  return /\battn(_1|\.\d+)\.(q|k|v|proj_out)\.weight$/.test(name);
}

/** A dense layer over channels is a 1×1 convolution: [C, C] → [C, C, 1, 1]. */
function toConvolution({ shape, data }: WeightTensor): WeightTensor {
  return { shape: shape.length === 2 ? [...shape, 1, 1] : shape, data };
}

function toUNetConfig(written: Settings, source: string): UNetConfig {
  const settings = { ...DEFAULTS, ...written };
  for (const [key, allowed] of Object.entries(REQUIRED)) {
    if (!allowed.includes(settings[key])) throw unsupported(source, key, allowed[0], settings[key]);
  }
  const widths = settings.block_out_channels;
  if (!isNumbers(widths)) throw unsupported(source, 'block_out_channels', 'a list of numbers', widths);
  const side = settings.sample_size;
  const attended = attendedLevels(settings, source);
  const groups = settings.norm_num_groups;
  if (!divides(groups, widths))
    throw unsupported(source, 'norm_num_groups', 'a divisor of all widths', groups);
  return checkUNetConfig(
    {
      resolution: side,
      inChannels: settings.in_channels,
      outChannels: settings.out_channels,
      ch: widths[0],
      chMult: widths.map((width) => width / widths[0]!),
      numResBlocks: settings.layers_per_block,
      attnResolutions: attended.map((level) => typeof side === 'number' && side / 2 ** level),
      ...(groups !== 32 && { normGroups: groups }),
      ...(settings.norm_eps !== 1e-6 && { epsilon: settings.norm_eps }),
      ...(settings.downsample_padding === 1 && { evenPadding: true }),
      ...(settings.flip_sin_to_cos === true && { cosFirst: true }),
      ...(settings.freq_shift === 0 && { frequencyShift: 0 }),
      ...headsOf(settings, [...attended.map((level) => widths[level]), widths.at(-1)], source),
    },
    source,
  );
}

/** Channels of a head of the levels of these widths; nothing where each has one. */
function headsOf(
  { attention_head_dim: head }: Settings,
  widths: readonly (number | undefined)[],
  source: string,
) {
  if (head === null || widths.every((width) => width === head)) return {};
  if (divides(head, widths)) return { headChannels: head };
  throw unsupported(source, 'attention_head_dim', 'null, or a divisor of the widths with attention', head);
}

function divides(value: unknown, widths: readonly (number | undefined)[]): boolean {
  return typeof value === 'number' && widths.every((width = 0) => Number.isInteger(width / value));
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

function isList(value: unknown, items: readonly unknown[]): boolean {
  return Array.isArray(value) && value.length === items.length && items.every((item, i) => item === value[i]);
}

/** Levels with self-attention, which must be the same on the way down and up. */
function attendedLevels({ down_block_types: down, up_block_types: up }: Settings, source: string): number[] {
  if (!Array.isArray(down)) throw unsupported(source, 'down_block_types', 'a list', down);
  const attends = down.map((type) => type === 'AttnDownBlock2D');
  const expectedDown = attends.map((attention) => (attention ? 'AttnDownBlock2D' : 'DownBlock2D'));
  const expectedUp = attends.map((attention) => (attention ? 'AttnUpBlock2D' : 'UpBlock2D')).reverse();
  if (!isList(down, expectedDown)) throw unsupported(source, 'down_block_types', expectedDown, down);
  if (!isList(up, expectedUp)) throw unsupported(source, 'up_block_types', expectedUp, up);
  return attends.flatMap((attention, level) => (attention ? [level] : []));
}

function unsupported(source: string, key: string, expected: unknown, found: unknown): WeightsError {
  return new WeightsError(
    `expected ${key} ${JSON.stringify(expected)} in ${source}, found ${shown(found)}; ` +
      'this UNet computes something else than the reference: export it to ONNX, and set denoiser.prediction and denoiser.schedule ' +
      'to what its scheduler says',
  );
}
