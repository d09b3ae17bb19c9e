// The noise predictor of Ho et al. 2020 (appendix B) in the layout of its PyTorch port: residual blocks with
// group normalisation and SiLU, self-attention at chosen resolutions, a sinusoidal time embedding. Parameter
// names are the port's, so its checkpoints load unchanged. Dropout is left out.

import { ShapeError } from '../errors.ts';
import type { Tensor } from '../graph/graph.ts';
import * as op from '../graph/operators.ts';
import type { Scope } from './scope.ts';
import { same } from './scope.ts';
import type { UNetConfig } from './unet-config.ts';

const PUBLISHED_EPSILON = 1e-6;
const PUBLISHED_GROUPS = 32;

/** What every block needs. */
interface Context {
  readonly scope: Scope;
  readonly config: UNetConfig;
}

/**
 * @param x [N, C, H, W] noisy images
 * @param t [N] float32 schedule indices; 0 is one step of noise
 * @returns predicted noise [N, outChannels, H, W]
 */
export function unet(scope: Scope, x: Tensor, t: Tensor, config: UNetConfig): Tensor {
  const { g } = scope;
  const context = { scope, config };
  const levels = config.chMult.length;
  checkSize(x, levels);
  const embedding = embedTime(scope, t, config);
  const hasAttention = (h: Tensor) => config.attnResolutions.includes(h.shape[2]!);

  const halving = config.evenPadding ? same(3, 2) : { stride: 2, padding: [0, 0, 1, 1] as const };
  let h = scope.conv('conv_in', x, config.ch, 3, same(3));
  const skips = [h];
  config.chMult.forEach((multiplier, level) => {
    for (let i = 0; i < config.numResBlocks; i++) {
      h = residual(context, `down.${level}.block.${i}`, h, embedding, config.ch * multiplier);
      if (hasAttention(h)) h = attention(context, `down.${level}.attn.${i}`, h);
      skips.push(h);
    }
    if (level === levels - 1) return;
    h = scope.conv(`down.${level}.downsample.conv`, h, h.shape[1]!, 3, halving);
    skips.push(h);
  });

  h = residual(context, 'mid.block_1', h, embedding, h.shape[1]!);
  h = attention(context, 'mid.attn_1', h);
  h = residual(context, 'mid.block_2', h, embedding, h.shape[1]!);

  for (let level = levels - 1; level >= 0; level--) {
    for (let i = 0; i <= config.numResBlocks; i++) {
      h = op.concat(g, [h, skips.pop()!], 1);
      h = residual(context, `up.${level}.block.${i}`, h, embedding, config.ch * config.chMult[level]!);
      if (hasAttention(h)) h = attention(context, `up.${level}.attn.${i}`, h);
    }
    if (level > 0) h = scope.conv(`up.${level}.upsample.conv`, op.upsample2x(g, h), h.shape[1]!, 3, same(3));
  }
  h = op.silu(g, normalize(context, 'norm_out', h));
  return scope.conv('conv_out', h, config.outChannels, 3, same(3));
}

function checkSize(x: Tensor, levels: number): void {
  const [, , height, width] = x.shape as readonly [number, number, number, number];
  const unit = 2 ** (levels - 1);
  if (height % unit === 0 && width % unit === 0) return;
  throw new ShapeError(
    `a UNet of ${levels} levels expects image sides divisible by ${unit}, found ${height}×${width}; ` +
      'use fewer channel multipliers, or pad the images',
  );
}

/** Group normalisation with the largest number of groups that is allowed and divides the channels. */
function normalize({ scope, config }: Context, name: string, x: Tensor): Tensor {
  let groups = Math.min(config.normGroups ?? PUBLISHED_GROUPS, x.shape[1]!);
  while (x.shape[1]! % groups !== 0) groups--;
  return scope.groupNorm(name, x, groups, config.epsilon ?? PUBLISHED_EPSILON);
}

/** sin and cos of t at geometrically spaced frequencies, then two dense layers: [N] → SiLU of [N, 4·ch]. */
function embedTime(scope: Scope, t: Tensor, { ch, cosFirst, frequencyShift = 1 }: UNetConfig): Tensor {
  const { g } = scope;
  const half = Math.floor(ch / 2);
  const intervals = half - frequencyShift;
  const frequencies = Array.from({ length: half }, (_, i) => Math.exp((-Math.log(10000) * i) / intervals));
  const phase = op.mul(g, op.reshape(g, t, [t.shape[0]!, 1]), g.constant(frequencies, [1, half]));
  const [sines, cosines] = [op.sin(g, phase), op.cos(g, phase)];
  const waves = op.concat(g, cosFirst ? [cosines, sines] : [sines, cosines], 1);
  const hidden = op.silu(g, scope.linear('temb.dense.0', waves, 4 * ch));
  return op.silu(g, scope.linear('temb.dense.1', hidden, 4 * ch));
}

function residual(context: Context, name: string, x: Tensor, embedding: Tensor, channels: number): Tensor {
  const { scope } = context;
  const { g } = scope;
  let h = op.silu(g, normalize(context, `${name}.norm1`, x));
  h = scope.conv(`${name}.conv1`, h, channels, 3, same(3));
  const shift = scope.linear(`${name}.temb_proj`, embedding, channels);
  h = op.add(g, h, op.reshape(g, shift, [x.shape[0]!, channels, 1, 1]));
  h = op.silu(g, normalize(context, `${name}.norm2`, h));
  h = scope.conv(`${name}.conv2`, h, channels, 3, same(3));
  const shortcut = x.shape[1] === channels ? x : scope.conv(`${name}.nin_shortcut`, x, channels, 1, same(1));
  return op.add(g, shortcut, h);
}

/** Self-attention over the pixels (Vaswani et al. 2017), with a residual connection. */
function attention(context: Context, name: string, x: Tensor): Tensor {
  const { scope, config } = context;
  const { g } = scope;
  const [n, c, height, width] = x.shape as readonly [number, number, number, number];
  const h = normalize(context, `${name}.norm`, x);
  const head = config.headChannels ?? c;
  const heads = head === c ? [] : [c / head];
  const project = (part: string) =>
    op.reshape(g, scope.conv(`${name}.${part}`, h, c, 1, same(1)), [n, ...heads, head, height * width]);
  const [q, k, v] = [project('q'), project('k'), project('v')];
  const similarity = op.matmul(g, op.transposeLast(g, q), k);
  const weights = op.softmax(g, op.mul(g, similarity, g.scalar(1 / Math.sqrt(head))));
  const mixed = op.matmul(g, v, op.transposeLast(g, weights));
  return op.add(
    g,
    x,
    scope.conv(`${name}.proj_out`, op.reshape(g, mixed, [n, c, height, width]), c, 1, same(1)),
  );
}
