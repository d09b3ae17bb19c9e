// Convolution and its two gradients in TensorFlow.js. Graphs are [N, C, H, W]; the kernels that all backends share
// are [N, H, W, C] with weights [KH, KW, C, O], and their gradients take no padding on chosen sides, so images are
// transposed and padded around them.

import * as tf from '@tensorflow/tfjs-core';
import type { Call } from './tfjs-call.ts';

type Extents = readonly [number, number, number, number];

export function conv2d({ inputs: [x, weight, bias], attributes }: Call): tf.Tensor {
  const padded = toPaddedImages(x!, attributes);
  const y = tf.conv2d(padded, toFilter(weight!), attributes.stride as number, 'valid');
  return toGraphLayout(bias ? tf.add(y, bias) : y);
}

/** The gradient of the padded image by transposed convolution, then the padding cut off. */
export function conv2dInputGrad({ inputs: [dy, weight], shape, attributes }: Call): tf.Tensor {
  const [, c, h, w] = shape as Extents;
  const [top, left, bottom, right] = attributes.padding as unknown as Extents;
  const padded: [number, number, number, number] = [dy!.shape[0]!, h + top + bottom, w + left + right, c];
  const stride = attributes.stride as number;
  const dx = tf.conv2dTranspose(toImages(dy!), toFilter(weight!), padded, stride, 'valid');
  return toGraphLayout(tf.slice(dx, [0, top, left, 0], [padded[0], h, w, c]));
}

/** By the backend's kernel, except on the CPU backend, whose own is some thirty times slower than its convolution. */
export function conv2dFilterGrad(call: Call): tf.Tensor {
  return tf.getBackend() === 'cpu' ? filterGradByConvolution(call) : filterGradByKernel(call);
}

export function filterGradByKernel({ inputs: [x, dy], shape, attributes }: Call): tf.Tensor {
  const [o, c, kh, kw] = shape as Extents;
  const stride = attributes.stride as number;
  // tfjs-core exports the name of this kernel, but no function for it.
  const dw: tf.Tensor4D = tf
    .engine()
    .runKernel(
      tf.Conv2DBackpropFilter,
      { x: toPaddedImages(x!, attributes), dy: toImages(dy!) },
      { strides: [stride, stride], pad: 'valid', dataFormat: 'NHWC', filterShape: [kh, kw, c, o] },
    );
  return tf.transpose(dw, [3, 2, 0, 1]);
}

/** dw = x ∗ dy with samples in the place of channels, channels in the place of samples, and stride as dilation. */
function filterGradByConvolution({ inputs: [x, dy], shape, attributes }: Call): tf.Tensor {
  const [o, c, kh, kw] = shape as Extents;
  const images = tf.transpose(toPaddedImages(x!, attributes), [3, 1, 2, 0]);
  const filter = tf.transpose(dy as tf.Tensor4D, [2, 3, 0, 1]);
  const dw = tf.conv2d(images, filter, 1, 'valid', 'NHWC', attributes.stride as number);
  return tf.transpose(tf.slice(dw, [0, 0, 0, 0], [c, kh, kw, o]), [3, 0, 1, 2]);
}

/** [N, C, H, W] → [N, H, W, C]. */
function toImages(x: tf.Tensor): tf.Tensor4D {
  return tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);
}

/** [N, C, H, W] → zero-padded [N, H′, W′, C]. */
function toPaddedImages(x: tf.Tensor, attributes: Call['attributes']): tf.Tensor4D {
  const [top, left, bottom, right] = attributes.padding as unknown as Extents;
  const images = toImages(x);
  if (top + left + bottom + right === 0) return images;
  return tf.pad(images, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
}

/** [N, H, W, C] → [N, C, H, W]. */
function toGraphLayout(x: tf.Tensor): tf.Tensor {
  return tf.transpose(x as tf.Tensor4D, [0, 3, 1, 2]);
}

/** [O, C, KH, KW] → [KH, KW, C, O]. */
function toFilter(weight: tf.Tensor): tf.Tensor4D {
  return tf.transpose(weight as tf.Tensor4D, [2, 3, 1, 0]);
}
