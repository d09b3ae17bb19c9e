// The two gradients of a convolution as ONNX operators. The input gradient is itself a convolution with flipped
// weights (transposed convolution for larger strides). The filter gradient is one matrix product per kernel row
// against the shifted input, which on the CPU is about twice as fast as the convolution formulation.

import { int, ints } from '../weights/onnx-proto.ts';
import type { Site } from './onnx-lowering.ts';

type Extents = readonly [number, number, number, number];

/** dL/dx of a convolution from dL/dy [N, O, H′, W′] and weight [O, C, KH, KW]. */
export function lowerInputGrad({ e, inputs, inputShapes, output, shape, attributes }: Site): void {
  const [dy, weight] = inputs as readonly [string, string];
  const [, , outH, outW] = inputShapes[0] as Extents;
  const [, , kh, kw] = inputShapes[1] as Extents;
  const [, , h, w] = shape as Extents;
  const stride = attributes.stride as number;
  const [top, left] = attributes.padding as Extents;
  if (stride === 1) {
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
    const pads = [kh - 1 - top, kw - 1 - left, h - outH + top, w - outW + left];
    e.emit('Conv', [dy, exchanged], [ints('pads', pads)], output);
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

/** dL/dw of a convolution from x [N, C, H, W] and dL/dy [N, O, H′, W′]. */
export function lowerFilterGrad({ e, inputs, inputShapes, output, shape, attributes }: Site): void {
  const [x, dy] = inputs as readonly [string, string];
  const [n, c] = inputShapes[0] as Extents;
  const [, o, outH, outW] = inputShapes[1] as Extents;
  const [, , kh, kw] = shape as Extents;
  const stride = attributes.stride as number;
  const [top, left, bottom, right] = attributes.padding as Extents;
  const positions = outH * outW * n;
  // Channels first: a kernel tap is then a shift within each channel's images, and both transpositions move
  // whole images at a time.
  const byChannel = (name: string) => e.emit('Transpose', [name], [ints('perm', [1, 0, 2, 3])]);
  const dyRows = e.emit('Reshape', [byChannel(dy), e.integers([o, positions])]);
  let images = byChannel(x);
  if (top + left + bottom + right > 0) {
    const zero = e.floats(Float32Array.of(0), []);
    images = e.emit('Pad', [images, e.integers([top, left, bottom, right]), zero, e.integers([2, 3])]);
  }
  const cut = (from: string, axis: number, start: number, count: number) =>
    e.emit('Slice', [
      from,
      e.integers([start]),
      e.integers([start + (count - 1) * stride + 1]),
      e.integers([axis]),
      e.integers([stride]),
    ]);
  const shifts = Array.from({ length: kw }, (_, j) => cut(images, 3, j, outW));
  const wide = kw === 1 ? shifts[0]! : e.emit('Concat', shifts, [int('axis', 0)]);
  const products = Array.from({ length: kh }, (_, i) => {
    const taps = e.emit('Reshape', [cut(wide, 2, i, outH), e.integers([kw * c, positions])]);
    const product = e.emit('MatMul', [dyRows, e.emit('Transpose', [taps], [ints('perm', [1, 0])])]);
    return e.emit('Reshape', [product, e.integers([o, 1, kw, c])]);
  });
  const stacked = kh === 1 ? products[0]! : e.emit('Concat', products, [int('axis', 1)]);
  e.emit('Transpose', [stacked], [ints('perm', [0, 3, 1, 2])], output);
}
