// Weights under the names that diffusers gives them: the way back from those of the reference.

import type { Weights } from '../../src/weights/weights.ts';

/**
 * One replacement after the other; attention as dense layers.
 *
 * @param attention names of the four projections, which differ between releases
 * @param levels    resolutions of the UNet
 */
export function toDiffusers(weights: Weights, attention: readonly string[], levels: number): Weights {
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
        .replace(/^up\.(\d)/, (_, level) => `up_blocks.${levels - 1 - Number(level)}`)
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
