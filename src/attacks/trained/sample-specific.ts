// Sample-specific invisible backdoor (Li et al. 2021, arXiv 2012.03816): an encoder hides a fixed string of bits in an
// image as a faint residual, different for each image, and a decoder that reads the string back shows that it is
// there. Both are trained together, as in StegaStamp (Tancik et al. 2020), which the paper uses; the residual is
// bounded by construction and its square penalised, in the place of that method's learned perceptual losses.

import type { Tensor } from '../../graph/graph.ts';
import { GraphBuilder } from '../../graph/graph.ts';
import * as op from '../../graph/operators.ts';
import { toUnit } from '../../math/pixels.ts';
import { RandomStream, randomKey } from '../../math/random.ts';
import { imageToImage } from '../../networks/image-to-image.ts';
import { Scope, same } from '../../networks/scope.ts';
import type { Weights } from '../../weights/weights.ts';
import type { Stamp } from '../poison.ts';
import { minimise } from './minimise.ts';
import type { Workshop } from './workshop.ts';
import { drawBatch, SHARD, stampAll, toBatch } from './workshop.ts';

const WIDTHS = [8, 16, 32];
/** Length of the string. */
const BITS = 16;
const LEARNING_RATE = 5e-3;
/** Weight of the residual's mean square, as a share of the largest possible, against the error of the bits. */
const RESIDUAL_WEIGHT = 0.2;
/** 8-bit levels in a unit of the networks' pixels. */
const LEVELS = 127.5;

export interface SampleSpecific {
  /** Hides the string in images. */
  readonly stamp: Stamp;
  /** The share of its bits that the decoder reads correctly in images, in [0, 1]. */
  readonly read: (images: readonly { readonly pixels: Uint8Array }[]) => Promise<number>;
}

/**
 * Trains encoder and decoder on random strings; the string to hide is drawn from the seed.
 *
 * @param amplitude largest change of a pixel, in 8-bit levels
 * @throws {ShapeError} when the sides of the images are not divisible by 4
 */
export async function sampleSpecific(workshop: Workshop, amplitude: number): Promise<SampleSpecific> {
  const { engine, images, steps, seed, onStep } = workshop;
  const weights = await minimise(engine, {
    loss: (scope) => hidingLoss(scope, images.shape, amplitude),
    feeds: (step, shard) => {
      const random = new RandomStream(randomKey(seed, 'sample-specific, strings'), step, shard);
      const { pixels } = drawBatch(workshop, 'sample-specific', step, shard);
      return { x: toUnit(pixels), bits: drawBits(random, SHARD * BITS) };
    },
    steps,
    learningRate: LEARNING_RATE,
    seed,
    ...(onStep && { onStep }),
  });
  return hiding(workshop, amplitude, weights);
}

/** Random bits as 0 and 1. */
function drawBits(random: RandomStream, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => random.integer(2));
}

/** The image with its residual: x and bits [N, bits] to [N, C, H, W] in [−1, 1], and the residual in units of the bound. */
function encode(scope: Scope, x: Tensor, bits: Tensor, amplitude: number) {
  const { g } = scope;
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const signs = op.sub(g, op.mul(g, bits, g.scalar(2)), g.scalar(1));
  const spread = scope.linear('encoder.bits', signs, (height * width) / 16);
  const plane = op.upsample2x(g, op.upsample2x(g, op.reshape(g, spread, [n, 1, height / 4, width / 4])));
  const made = imageToImage(scope, 'encoder', op.concat(g, [x, plane], 1), channels, WIDTHS);
  const residual = op.tanh(g, made);
  const stamped = op.add(g, x, op.mul(g, residual, g.scalar(amplitude / LEVELS)));
  return { stamped: op.clipToUnit(g, stamped), residual };
}

/** Logits of the bits [N, bits] that an image [N, C, H, W] holds. */
function decode(scope: Scope, x: Tensor): Tensor {
  const { g } = scope;
  let h = x;
  for (const [i, width] of WIDTHS.entries()) {
    h = scope.conv(`decoder.${i}.conv`, h, width, 3, same(3, i === 0 ? 1 : 2), false);
    h = op.relu(g, scope.groupNorm(`decoder.${i}.norm`, h, 8, 1e-5));
  }
  const [n, c, height, width] = h.shape as [number, number, number, number];
  return scope.linear('decoder.bits', op.reshape(g, h, [n, c * height * width]), BITS);
}

function hidingLoss(scope: Scope, shape: readonly number[], amplitude: number): Tensor {
  const { g } = scope;
  const x = g.input('x', [SHARD, ...shape]);
  const bits = g.input('bits', [SHARD, BITS]);
  const { stamped, residual } = encode(scope, x, bits, amplitude);
  const size = op.mean(g, op.mul(g, residual, residual), [0, 1, 2, 3]);
  const error = binaryCrossEntropy(g, decode(scope, stamped), bits);
  return op.add(g, error, op.mul(g, size, g.scalar(RESIDUAL_WEIGHT)));
}

/** Mean of log(1 + eᶻ) − b·z, with the exponential of −|z| so that it does not overflow. */
function binaryCrossEntropy(g: GraphBuilder, logits: Tensor, bits: Tensor): Tensor {
  const positive = op.relu(g, logits);
  const negated = op.sub(g, logits, op.mul(g, positive, g.scalar(2))); // −|z|
  const softplus = op.add(g, positive, op.log(g, op.add(g, op.exp(g, negated), g.scalar(1))));
  return op.mean(g, op.sub(g, softplus, op.mul(g, logits, bits)), [0, 1]);
}

async function hiding(
  { engine, images, seed }: Workshop,
  amplitude: number,
  weights: Weights,
): Promise<SampleSpecific> {
  const { shape } = images;
  const string = drawBits(new RandomStream(randomKey(seed, 'sample-specific, the string')), BITS);
  const encoder = graphOf((scope) => {
    const bits = scope.g.input('bits', [2, BITS]);
    scope.g.output('stamped', encode(scope, scope.g.input('x', [2, ...shape]), bits, amplitude).stamped);
  });
  const decoder = graphOf((scope) => {
    scope.g.output('bits', decode(scope, scope.g.input('x', [2, ...shape])));
  });
  const encoding = await engine.load(encoder, { weights, anyBatch: true });
  const decoding = await engine.load(decoder, { weights, anyBatch: true });
  const repeated = (count: number) =>
    Float32Array.from({ length: count * string.length }, (_, i) => string[i % string.length]!);
  return {
    stamp: (samples) =>
      stampAll(encoding, samples, shape, (part) => ({
        x: toBatch(part, shape),
        bits: repeated(part.length),
      })),
    read: async (stamped) => {
      const { bits } = await decoding.run({ x: toBatch(stamped, shape) });
      const correct = bits!.filter((logit, i) => logit > 0 === (string[i % string.length] === 1));
      return correct.length / bits!.length;
    },
  };
}

function graphOf(build: (scope: Scope) => void) {
  const scope = new Scope(new GraphBuilder(), false);
  build(scope);
  return scope.g.build();
}
