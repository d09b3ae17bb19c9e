// ONNX files as networks, whoever exported them: a denoiser takes images and schedule indices and returns noise,
// a classifier takes images and returns logits and perhaps features. `weights/onnx-signature.ts` has found out
// what is what. Foreign files run on ONNX Runtime, whatever engine was chosen.

import './no-telemetry.ts';
import * as ort from 'onnxruntime-node';
import type { DenoiserCall } from '../diffusion/tiles.ts';
import { WeightsError } from '../errors.ts';
import type { ClassifierSignature, DenoiserSignature, Port } from '../weights/onnx-signature.ts';
import type { OnnxRef } from '../workers/protocol.ts';
import type { ExecutionProvider } from './onnx-engine.ts';
import { createSession } from './onnx-engine.ts';

export interface ForeignDenoiser {
  /** Schedule indices must be equal. */
  readonly predict: DenoiserCall;
  readonly dispose: () => Promise<void>;
}

export interface ForeignClassifier {
  /** Numbers of one image: C·H·W. */
  readonly imageSize: number;
  /** Features are the logits where the file has no features. */
  readonly run: (x: Float32Array) => Promise<{ probabilities: Float32Array; features: Float32Array }>;
  readonly dispose: () => Promise<void>;
}

/** @param shape [C, H, W] of the images. @throws {WeightsError} when the model is for other images */
export async function openForeignDenoiser(
  { bytes, signature: { x: image, t: time, noise } }: OnnxRef<DenoiserSignature>,
  shape: readonly number[],
  provider: ExecutionProvider,
): Promise<ForeignDenoiser> {
  checkImages(image, shape);
  const session = await createSession(new Uint8Array(bytes).slice(), provider);
  const predict: DenoiserCall = async (x, t, into) => {
    // a time of shape [] or [1] is one index for the whole batch
    const times = time.shape.length === 0 || time.shape[0] === 1 ? t.slice(0, 1) : t;
    const feeds = {
      [image.name]: new ort.Tensor('float32', x, [t.length, ...shape]),
      [time.name]: indices(time, times),
    };
    const fetches = { [noise.name]: into ? new ort.Tensor('float32', into, [t.length, ...shape]) : null };
    return (await session.run(feeds, fetches))[noise.name]!.data as Float32Array;
  };
  return { predict, dispose: () => session.release() };
}

/** @param shape [C, H, W] of the images. @throws {WeightsError} when the model is for other images */
export async function openForeignClassifier(
  { bytes, signature: { x: image, logits, features } }: OnnxRef<ClassifierSignature>,
  shape: readonly number[],
  provider: ExecutionProvider,
): Promise<ForeignClassifier> {
  checkImages(image, shape);
  const session = await createSession(new Uint8Array(bytes).slice(), provider);
  const imageSize = shape.reduce((product, extent) => product * extent, 1);
  const outputs = features ? [logits.name, features.name] : [logits.name];
  const run = async (x: Float32Array) => {
    const count = x.length / imageSize;
    const results = await session.run(
      { [image.name]: new ort.Tensor('float32', x, [count, ...shape]) },
      outputs,
    );
    const scores = results[logits.name]!.data as Float32Array;
    const pooled = features ? (results[features.name]!.data as Float32Array) : scores;
    return { probabilities: softmaxRows(scores, count), features: pooled };
  };
  return { imageSize, run, dispose: () => session.release() };
}

function checkImages({ name, shape }: Port, expected: readonly number[]): void {
  const [batch, ...image] = shape;
  if (batch === null && expected.every((extent, i) => (image[i] ?? extent) === extent)) return;
  throw new WeightsError(
    `expected an ONNX model for any number of images of [${expected}], found input ${name} of ` +
      `[${shape.map((extent) => extent ?? 'any')}]; export it with an open batch extent and the dataset's image size`,
  );
}

/** Schedule indices in the type and rank that the model asks for. */
function indices({ type, shape }: Port, values: Float32Array): ort.Tensor {
  const extents = shape.length === 0 ? [] : [values.length];
  if (type === 'int64') return new ort.Tensor('int64', BigInt64Array.from(values, BigInt), extents);
  return new ort.Tensor('float32', values, extents);
}

function softmaxRows(logits: Float32Array, rows: number): Float32Array {
  const width = logits.length / rows;
  const result = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += width) {
    let peak = Number.NEGATIVE_INFINITY;
    for (let i = at; i < at + width; i++) peak = Math.max(peak, logits[i]!);
    let total = 0;
    for (let i = at; i < at + width; i++) {
      result[i] = Math.exp(logits[i]! - peak);
      total += result[i]!;
    }
    for (let i = at; i < at + width; i++) result[i]! /= total;
  }
  return result;
}
