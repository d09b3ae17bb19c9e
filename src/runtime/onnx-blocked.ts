// Convolutions in the layout that ONNX Runtime's fastest CPU kernels work on: channels in blocks of as many as a
// vector register holds, [N, C/b, H, W, b]. The runtime goes over to it by itself where weights are constants, as in
// inference; in training they are inputs, and the general kernel is half as fast. So training graphs ask for it,
// with the operators of the runtime's own domain that its optimised model files are written with.

import type { Shape } from '../graph/graph.ts';
import { int, ints } from '../weights/onnx-proto.ts';
import type { OnnxAttribute } from '../weights/onnx-schema.ts';
import type { OnnxEmitter } from './onnx-emitter.ts';

/** The operators ReorderInput, Conv and ReorderOutput of the blocked layout. */
export const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

/** A convolution whose filter `forwardFilter` or `backwardFilter` has prepared. */
export interface BlockedConv {
  readonly x: string;
  readonly filter: string;
  readonly bias?: string | undefined;
  /** [O, C, KH, KW] of this convolution. */
  readonly shape: Shape;
  readonly geometry: readonly OnnxAttribute[];
  readonly output?: string;
}

/** [N, C, H, W] to [N, O, H′, W′]. Images of fewer channels than a block are read as they are. */
export function blockedConv(
  e: OnnxEmitter,
  { x, filter, bias, shape, geometry, output }: BlockedConv,
): string {
  const [o, c] = shape as readonly [number, number];
  const inputs = [c < e.channelBlock! ? x : toBlocks(e, x), filter, ...(bias ? [bias] : [])];
  const blocked = e.emit('Conv', inputs, geometry, undefined, BLOCKED_DOMAIN);
  return e.emit('ReorderOutput', [blocked], [int('channels', o)], output, BLOCKED_DOMAIN);
}

/** [N, C, H, W] to [N, C/b, H, W, b]. */
export function toBlocks(e: OnnxEmitter, x: string, output?: string): string {
  return e.emit('ReorderInput', [x], [], output, BLOCKED_DOMAIN);
}

/**
 * The filter of a convolution in blocks: [O, C, KH, KW] to [O/b, C/b, KH, KW, b of C, b of O], or with few channels
 * to [O/b, C, KH, KW, b of O].
 *
 * @returns undefined where blocks do not fit, or bring nothing
 */
export function forwardFilter(e: OnnxEmitter, weight: string, shape: Shape): string | undefined {
  const [o, c, kh, kw] = shape as readonly [number, number, number, number];
  const b = e.channelBlock;
  if (b === undefined || !worthBlocking(b, o, c, kh * kw)) return undefined;
  const [split, order] =
    c < b
      ? [
          [o / b, b, c, kh * kw],
          [0, 2, 3, 1],
        ]
      : [
          [o / b, b, c / b, b, kh * kw],
          [0, 2, 4, 3, 1],
        ];
  const blocks = e.emit('Transpose', [reshape(e, weight, split)], [ints('perm', order)]);
  return reshape(e, blocks, shape);
}

/** As `forwardFilter`, for the convolution that gives the input gradient: channels exchanged, kernel turned by 180°. */
export function backwardFilter(e: OnnxEmitter, weight: string, shape: Shape): string | undefined {
  const [o, c, kh, kw] = shape as readonly [number, number, number, number];
  const b = e.channelBlock;
  if (b === undefined || !worthBlocking(b, c, o, kh * kw)) return undefined;
  const [split, order] =
    o < b
      ? [
          [o, c / b, b, kh * kw],
          [1, 0, 3, 2],
        ]
      : [
          [o / b, b, c / b, b, kh * kw],
          [2, 0, 4, 1, 3],
        ];
  const blocks = e.emit('Transpose', [reshape(e, weight, split)], [ints('perm', order)]);
  const backwards = Array.from({ length: kh * kw }, (_, k) => kh * kw - 1 - k);
  const turned = e.emit('Gather', [blocks, e.integers(backwards)], [int('axis', 2)]);
  return reshape(e, turned, [c, o, kh, kw]);
}

/**
 * Images as the filter of a convolution that sums over samples: [N, C, H, W], both N and C whole blocks, to
 * [C/b, N/b, H, W, b of N, b of C], as the filter [C, N, H, W].
 */
export function imagesAsFilter(e: OnnxEmitter, x: string, shape: Shape): string {
  const [n, c, h, w] = shape as readonly [number, number, number, number];
  const b = e.channelBlock!;
  // twice in whole rows of b, which is much faster than number by number
  const split = reshape(e, toBlocks(e, x), [n / b, b, c / b, h * w, b]);
  return reshape(e, e.emit('Transpose', [split], [ints('perm', [2, 0, 3, 1, 4])]), [c, n, h, w]);
}

/** 1×1 kernels are a plain matrix product in either layout. */
function worthBlocking(block: number, outputs: number, inputs: number, kernel: number): boolean {
  return kernel > 1 && outputs % block === 0 && (inputs < block || inputs % block === 0);
}

function reshape(e: OnnxEmitter, x: string, shape: Shape): string {
  return e.emit('Reshape', [x, e.integers(shape)]);
}
