// ONNX files as networks, whoever exported them: a denoiser takes images and schedule indices and returns noise,
// a classifier takes images and returns logits (and, when it was exported by this project, features too). Inputs
// are told apart by their rank. Foreign files run on ONNX Runtime, whatever engine was chosen.

import * as ort from 'onnxruntime-node';
import { WeightsError } from '../errors.ts';
import type { ExecutionProvider } from './onnx-engine.ts';
import { createSession } from './onnx-engine.ts';

/** The part of a tensor's metadata that matters here; unknown extents are names. */
interface TensorInfo {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface ForeignDenoiser {
  /** @param x float32 [N, C, H, W]; @param t schedule indices [N]; @returns noise like x */
  readonly predict: (x: Float32Array, t: Float32Array) => Promise<Float32Array>;
  readonly dispose: () => Promise<void>;
}

export interface ForeignClassifier {
  /** Numbers of one image: C·H·W. */
  readonly imageSize: number;
  readonly run: (x: Float32Array) => Promise<{ probabilities: Float32Array; features: Float32Array }>;
  readonly dispose: () => Promise<void>;
}

/** @param shape [C, H, W] of the images. @throws {WeightsError} when the model's inputs are not (x, t) */
export async function openForeignDenoiser(
  bytes: Uint8Array,
  shape: readonly number[],
  provider: ExecutionProvider,
): Promise<ForeignDenoiser> {
  const session = await createSession(bytes, provider);
  const inputs = tensorsOf(session.inputMetadata);
  const image = inputs.find((input) => input.shape.length === 4);
  const time = inputs.find((input) => input.shape.length <= 1);
  const [output] = session.outputNames;
  if (inputs.length !== 2 || !image || !time || !output) {
    throw new WeightsError(
      `expected an ONNX denoiser with inputs x [N, C, H, W] and t [N], found ${describe(inputs)}; export it as (x, t) → noise`,
    );
  }
  checkImage(image, shape);
  const predict = async (x: Float32Array, t: Float32Array) => {
    const times = time.shape.length === 0 ? t.slice(0, 1) : t;
    const feeds = {
      [image.name]: new ort.Tensor('float32', x, [t.length, ...shape]),
      [time.name]: numbers(time.type, times, time.shape.length === 0 ? [] : [t.length]),
    };
    return (await session.run(feeds, [output]))[output]!.data as Float32Array;
  };
  return { predict, dispose: () => session.release() };
}

/** @param shape [C, H, W] of the images. @throws {WeightsError} when the model does not take one image batch */
export async function openForeignClassifier(
  bytes: Uint8Array,
  shape: readonly number[],
  provider: ExecutionProvider,
): Promise<ForeignClassifier> {
  const session = await createSession(bytes, provider);
  const inputs = tensorsOf(session.inputMetadata);
  const [image] = inputs;
  if (inputs.length !== 1 || image?.shape.length !== 4) {
    throw new WeightsError(
      `expected an ONNX classifier with one input [N, C, H, W], found ${describe(inputs)}; export it as x → logits`,
    );
  }
  checkImage(image, shape);
  const logitsName = session.outputNames.includes('logits') ? 'logits' : session.outputNames[0]!;
  const featuresName = session.outputNames.includes('features') ? 'features' : logitsName;
  const imageSize = shape.reduce((product, extent) => product * extent, 1);
  const run = async (x: Float32Array) => {
    const count = x.length / imageSize;
    const feeds = { [image.name]: new ort.Tensor('float32', x, [count, ...shape]) };
    const results = await session.run(feeds, [...new Set([logitsName, featuresName])]);
    const probabilities = softmaxRows(results[logitsName]!.data as Float32Array, count);
    return { probabilities, features: results[featuresName]!.data as Float32Array };
  };
  return { imageSize, run, dispose: () => session.release() };
}

function tensorsOf(metadata: readonly ort.InferenceSession.ValueMetadata[]): TensorInfo[] {
  return metadata.filter((value) => value.isTensor);
}

function describe(inputs: readonly TensorInfo[]): string {
  return inputs.map(({ name, type, shape }) => `${name} ${type} [${shape}]`).join(', ') || 'no tensors';
}

function checkImage({ name, shape }: TensorInfo, expected: readonly number[]): void {
  if (expected.every((extent, i) => typeof shape[i + 1] !== 'number' || shape[i + 1] === extent)) return;
  throw new WeightsError(
    `expected a model for images of [${expected}], found input ${name} of [${shape}]; ` +
      'use a model of the dataset’s shape, or convert the images',
  );
}

/** Schedule indices in the type that the model asks for. */
function numbers(type: string, values: Float32Array, shape: readonly number[]): ort.Tensor {
  if (type === 'int64')
    return new ort.Tensor(
      'int64',
      BigInt64Array.from(values, (v) => BigInt(Math.round(v))),
      shape,
    );
  if (type === 'int32') return new ort.Tensor('int32', Int32Array.from(values), shape);
  return new ort.Tensor('float32', values, shape);
}

function softmaxRows(logits: Float32Array, rows: number): Float32Array {
  const width = logits.length / rows;
  const result = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += width) {
    const row = logits.subarray(at, at + width);
    const peak = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const weights = row.map((value) => Math.exp(value - peak));
    const total = weights.reduce((sum, value) => sum + value, 0);
    for (let i = 0; i < width; i++) result[at + i] = weights[i]! / total;
  }
  return result;
}
