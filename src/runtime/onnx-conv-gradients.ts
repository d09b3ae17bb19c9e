// The two gradients of a convolution as ONNX operators. The input gradient is itself a convolution with flipped
// weights (transposed convolution for larger strides). The filter gradient is one matrix product of shifted
// copies, which on the CPU is mostly faster than the convolution formulation.

import { int, ints } from '../weights/onnx-proto.ts';
import { backwardFilter, blockedConv, imagesAsFilter } from './onnx-blocked.ts';
import type { Site } from './onnx-emitter.ts';

type Extents = readonly [number, number, number, number];

/** dL/dx of a convolution from dL/dy [N, O, H′, W′] and weight [O, C, KH, KW]. */
export function lowerInputGrad({ e, inputs, inputShapes, output, shape, attributes }: Site): void {
  const [dy, weight] = inputs as readonly [string, string];
  const [, , outH, outW] = inputShapes[0] as Extents;
  const [o, c, kh, kw] = inputShapes[1] as Extents;
  const [, , h, w] = shape as Extents;
  const stride = attributes.stride as number;
  const [top, left] = attributes.padding as Extents;
  if (stride === 1) {
    const pads = [kh - 1 - top, kw - 1 - left, h - outH + top, w - outW + left];
    const geometry = [ints('pads', pads)];
    const filter = e.isConstant(weight) ? undefined : backwardFilter(e, weight, inputShapes[1]!);
    if (filter) {
      blockedConv(e, { x: dy, filter, shape: [c, o, kh, kw], geometry, output });
      return;
    }
    const flipped =
      kh * kw === 1
        ? weight
        : e.emit('Slice', [
            weight,
            e.integers([-1, -1]),
            e.integers([-kh - 1, -kw - 1]),
            e.integers([2, 3]),
            e.integers([-1, -1]),
          ]);
    const exchanged = e.emit('Transpose', [flipped], [ints('perm', [1, 0, 2, 3])]);
    e.emit('Conv', [dy, exchanged], geometry, output);
    return;
  }
  // Full transposed convolution covers (out − 1)·stride + k rows, of which `top` are cut off above.
  const tail = (extent: number, out: number, kernel: number, before: number) =>
    (out - 1) * stride + kernel - before - extent;
  const [bottom, right] = [tail(h, outH, kh, top), tail(w, outW, kw, left)];
  const geometry = [
    ints('strides', [stride, stride]),
    ints('pads', [top, left, Math.max(0, bottom), Math.max(0, right)]),
    ints('output_padding', [Math.max(0, -bottom), Math.max(0, -right)]),
  ];
  e.emit('ConvTranspose', [dy, weight], geometry, output);
}

/**
 * dL/dw of a convolution from x [N, C, H, W] and dL/dy [N, O, H′, W′].
 *
 * dw[o, c, i, j] sums dy[o] times x[c] shifted by (i, j) over all images and pixels. With the copies of x that are
 * shifted by j side by side, and those of dy shifted by −i, all kernel taps are one product of large matrices. For
 * larger strides both shifts are made on x. With those the copies are dear, and with few channels the matrices are
 * small: there `filterGradInBlocks` comes first.
 */
export function lowerFilterGrad(site: Site): void {
  const { e, inputs, inputShapes, output, shape, attributes } = site;
  const [x, dy] = inputs as readonly [string, string];
  const [n, c, h] = inputShapes[0] as Extents;
  const [, o, outH, outW] = inputShapes[1] as Extents;
  const [, , kh, kw] = shape as Extents;
  const stride = attributes.stride as number;
  const [top, left, bottom, right] = attributes.padding as Extents;
  if ((stride > 1 || c < (e.channelBlock ?? 0)) && filterGradInBlocks(site)) return;
  // channels first, so that transposing and shifting move whole rows of pixels
  const byChannel = (name: string) => e.emit('Transpose', [name], [ints('perm', [1, 0, 2, 3])]);
  const pad = (name: string, axis: number, before: number, after: number) =>
    before === 0 && after === 0
      ? name
      : e.emit('Pad', [
          name,
          e.integers([before, after]),
          e.floats(Float32Array.of(0), []),
          e.integers([axis]),
        ]);
  /** Copies of `from` that begin at `starts` along an axis, stacked along the channels. */
  const shifted = (from: string, axis: number, starts: readonly number[], count: number) => {
    const copies = starts.map((start) => {
      const end = start + (count - 1) * stride + 1;
      return e.emit('Slice', [from, ...[start, end, axis, stride].map((value) => e.integers([value]))]);
    });
    return copies.length === 1 ? copies[0]! : e.emit('Concat', copies, [int('axis', 0)]);
  };
  const product = (a: string, rows: number, b: string, columns: number, positions: number) => {
    const left = e.emit('Reshape', [a, e.integers([rows, positions])]);
    const right = e.emit('Reshape', [b, e.integers([columns, positions])]);
    return e.emit('MatMul', [left, e.emit('Transpose', [right], [ints('perm', [1, 0])])]);
  };
  const columns = shifted(pad(byChannel(x), 3, left, right), 3, range(kw), outW);
  if (stride === 1) {
    const dyRows = pad(byChannel(dy), 2, kh - 1 - top, h + top - outH);
    const starts = range(kh).map((i) => kh - 1 - i);
    const taps = product(shifted(dyRows, 2, starts, h), kh * o, columns, kw * c, n * h * outW);
    const split = e.emit('Reshape', [taps, e.integers([kh, o, kw, c])]);
    e.emit('Transpose', [split], [ints('perm', [1, 3, 0, 2])], output);
  } else {
    const patches = shifted(pad(columns, 2, top, bottom), 2, range(kh), outH);
    const taps = product(byChannel(dy), o, patches, kh * kw * c, n * outH * outW);
    const split = e.emit('Reshape', [taps, e.integers([o, kh, kw, c])]);
    e.emit('Transpose', [split], [ints('perm', [0, 3, 1, 2])], output);
  }
}

/**
 * The filter gradient as a convolution in blocks: of x with dy as the filter, samples in the place of channels,
 * channels in the place of samples, and stride as dilation.
 *
 * @returns false where blocks do not fit; then nothing was emitted
 */
function filterGradInBlocks({ e, inputs, inputShapes, output, shape, attributes }: Site): boolean {
  const [x, dy] = inputs as readonly [string, string];
  const [n, , h, w] = inputShapes[0] as Extents;
  const [, o, outH, outW] = inputShapes[1] as Extents;
  const [, , kh, kw] = shape as Extents;
  const stride = attributes.stride as number;
  const [top, left] = attributes.padding as Extents;
  const needed = (extent: number, out: number, kernel: number) => (out - 1) * stride + kernel - extent;
  const pads = [top, left, needed(h, outH, kh) - top, needed(w, outW, kw) - left];
  const b = e.channelBlock;
  // padding is negative where the kernel leaves out the last rows, as 1×1 with stride 2 does
  if (b === undefined || n % b !== 0 || o % b !== 0 || pads.some((rows) => rows < 0)) return false;
  const exchange = ints('perm', [1, 0, 2, 3]);
  const gradient = blockedConv(e, {
    x: e.emit('Transpose', [x], [exchange]),
    filter: imagesAsFilter(e, dy, [n, o, outH, outW]),
    shape: [o, n, outH, outW],
    geometry: [ints('dilations', [stride, stride]), ints('pads', pads)],
  });
  e.emit('Transpose', [gradient], [exchange], output);
  return true;
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}
