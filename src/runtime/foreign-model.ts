// ONNX files as networks, whoever exported them: a denoiser takes images and schedule indices and returns noise,
// a classifier takes images and returns logits and perhaps features. `weights/onnx-signature.ts` has found out
// what is what. Foreign files run on ONNX Runtime, whatever engine was chosen.

import './no-telemetry.ts';
import * as ort from 'onnxruntime-node';
import type { DenoiserCall } from '../diffusion/tiles.ts';
import { WeightsError } from '../errors.ts';
import type { ClassifierSignature, DenoiserSignature, Port } from '../weights/onnx-signature.ts';
import type { ExecutionProvider } from './onnx-engine.ts';
import { createSession } from './onnx-engine.ts';

/** An ONNX file of any origin. */
export interface OnnxRef<Signature> {
  readonly kind: 'onnx';
  readonly id: string;
  readonly bytes: SharedArrayBuffer;
  readonly signature: Signature;
}

/** Characters of what the runtime says. */
const MOST_SHOWN = 400;

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
  { id, bytes, signature: { x: image, t: time, noise } }: OnnxRef<DenoiserSignature>,
  shape: readonly number[],
  provider: ExecutionProvider,
): Promise<ForeignDenoiser> {
  checkImages(image, shape);
  const session = await opened(id, bytes, provider);
  const predict: DenoiserCall = async (x, t, into) => {
    // a time of shape [] or [1] is one index for the whole batch
    const times = time.shape.length === 0 || time.shape[0] === 1 ? t.slice(0, 1) : t;
    const feeds = {
      [image.name]: new ort.Tensor('float32', x, [t.length, ...shape]),
      [time.name]: indices(time, times),
    };
    const fetches = { [noise.name]: into ? new ort.Tensor('float32', into, [t.length, ...shape]) : null };
    const results = await running(id, shape, () => session.run(feeds, fetches));
    return results[noise.name]!.data as Float32Array;
  };
  const oneByOne: DenoiserCall = async (x, t, into = new Float32Array(x.length)) => {
    const size = x.length / t.length;
    for (let i = 0; i < t.length; i++) {
      const range = [i * size, (i + 1) * size] as const;
      const found = await predict(x.slice(...range), t.slice(i, i + 1));
      into.set(found, range[0]);
    }
    return into;
  };
  return { predict: image.shape[0] === 1 ? oneByOne : predict, dispose: () => session.release() };
}

/** @param shape [C, H, W] of the images. @throws {WeightsError} when the model is for other images */
export async function openForeignClassifier(
  { id, bytes, signature: { x: image, logits, features } }: OnnxRef<ClassifierSignature>,
  shape: readonly number[],
  provider: ExecutionProvider,
): Promise<ForeignClassifier> {
  checkImages(image, shape);
  const session = await opened(id, bytes, provider);
  const imageSize = shape.reduce((product, extent) => product * extent, 1);
  const outputs = features ? [logits.name, features.name] : [logits.name];
  const run = async (x: Float32Array) => {
    const count = x.length / imageSize;
    const feeds = { [image.name]: new ort.Tensor('float32', x, [count, ...shape]) };
    const results = await running(id, shape, () => session.run(feeds, outputs));
    const scores = results[logits.name]!.data as Float32Array;
    const pooled = features ? (results[features.name]!.data as Float32Array) : scores;
    return { probabilities: softmaxRows(scores, count), features: pooled };
  };
  const oneByOne = async (x: Float32Array) => {
    const parts: Awaited<ReturnType<typeof run>>[] = [];
    for (let at = 0; at < x.length; at += imageSize) parts.push(await run(x.slice(at, at + imageSize)));
    return { probabilities: joined(parts, 'probabilities'), features: joined(parts, 'features') };
  };
  return { imageSize, run: image.shape[0] === 1 ? oneByOne : run, dispose: () => session.release() };
}

function checkImages({ name, shape }: Port, expected: readonly number[]): void {
  const [batch, ...image] = shape;
  if ((batch === null || batch === 1) && expected.every((extent, i) => (image[i] ?? extent) === extent))
    return;
  throw new WeightsError(
    `expected an ONNX model for one or any number of images of [${expected}], found input ${name} of ` +
      `[${shape.map((extent) => extent ?? 'any')}]; export it with an open batch extent and the dataset's image size`,
  );
}

/** Joins what was found for each image. */
function joined<K extends string>(parts: readonly Record<K, Float32Array>[], key: K): Float32Array {
  const width = parts[0]?.[key].length ?? 0;
  const all = new Float32Array(width * parts.length);
  parts.forEach((part, i) => {
    all.set(part[key], i * width);
  });
  return all;
}

/** @throws {WeightsError} for a model that the CPU refuses; {EngineError} elsewhere, where the provider may be missing */
async function opened(id: string, bytes: SharedArrayBuffer, provider: ExecutionProvider) {
  try {
    return await createSession(new Uint8Array(bytes).slice(), provider);
  } catch (cause) {
    if (provider !== 'cpu') throw cause;
    const reason = (cause as Error).message.replaceAll(/\s+/g, ' ').slice(0, MOST_SHOWN);
    throw new WeightsError(`expected an ONNX model in ${id}, found: ${reason}; export it again`, { cause });
  }
}

/** Runs a model that somebody else made: what goes wrong there is the fault of its file. */
async function running<T>(id: string, shape: readonly number[], run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const reason = (cause as Error).message.replaceAll(/\s+/g, ' ').slice(0, MOST_SHOWN);
    throw new WeightsError(
      `expected ${id} to run on images of [${shape}], found: ${reason}; export it for these images, with an open batch extent`,
      { cause },
    );
  }
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
