// The networks of a run: loaded from what the user brings or trained here, as references that workers can run,
// and written as ONNX files.

import type { Settings } from '../../config/schema.ts';
import type { DatasetInfo } from '../datasets/open.ts';
import type { ImageSize } from '../datasets/resize.ts';
import type { ImageShape } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/sample-store.ts';
import type { SourceInfo } from '../datasets/stream.ts';
import { WeightsError } from '../errors.ts';
import { replaceWith } from '../files/successor.ts';
import { type ClassifierSpec, imageShape, parametersOf } from '../networks/network.ts';
import { exportOnnx } from '../runtime/export-onnx.ts';
import { type TrainingProgress, trainClassifier } from '../training/train-classifier.ts';
import { type TrainingMemory, trainOnce } from '../training/train-once.ts';
import { trainFrozen, type WarmMemory } from '../training/train-warm.ts';
import { loadClassifierWeights, loadDenoiserWeights } from '../weights/load-weights.ts';
import { DDPM_SCHEDULE, type NoiseSchedule } from '../weights/unet-settings.ts';
import { packWeights, unpackWeights } from '../weights/weights.ts';
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef, DenoiserRef } from '../workers/protocol.ts';
import type { Context } from './commands.ts';
import { trainingOf } from './rules.ts';
import type { TrainedNetwork } from './tally.ts';

/** What networks have to fit: the images and classes of a dataset. */
export type Fitting = Pick<DatasetInfo, 'shape' | 'classes'>;

/** The network that `classifier` describes, for the images and classes of a dataset. */
export function classifierSpec({ classifier }: Settings, { shape, classes }: Fitting): ClassifierSpec {
  return { kind: classifier.network, config: { shape, classes, widths: classifier.widths } };
}

/** Trains a classifier as configured on a whole store. */
export async function trainOn(
  pool: Pool,
  context: Context,
  network: TrainedNetwork,
  store: SampleStore,
  info: DatasetInfo,
  memory?: TrainingMemory,
): Promise<ClassifierRef> {
  const { settings } = context;
  const spec = classifierSpec(settings, info);
  const options = trainingOf(settings);
  const onProgress = progressOf(context, network);
  if (memory) return trainOnce(memory, pool, { spec, store, options }, onProgress);
  return trainClassifier(pool, spec, { store }, options, onProgress);
}

/** The observer as an earlier run trained it; trained now where none did. */
export function trainedBefore(
  pool: Pool,
  context: Context,
  memory: WarmMemory,
  store: SampleStore,
  info: DatasetInfo,
): Promise<ClassifierRef> {
  const { settings } = context;
  const lesson = { spec: classifierSpec(settings, info), store, options: trainingOf(settings) };
  return trainFrozen({ memory, pool, onProgress: progressOf(context, 'observer') }, lesson);
}

/** Counts and shows the steps of a training and, at its end, tells the loss. */
export function progressOf(
  { log, tally }: Pick<Context, 'log' | 'tally'>,
  network: TrainedNetwork,
): (progress: TrainingProgress) => void {
  return ({ step, steps, loss }) => {
    tally?.train(network, loss);
    log.progress(network, step, steps, 'steps');
    if (step < steps) return;
    const event = { event: 'trained', network, steps, loss } as const;
    log.info(network, `trained ${steps} steps, last loss ${loss.toFixed(4)}`, event);
  };
}

/**
 * Loads a classifier for a dataset.
 *
 * @throws {WeightsError} when it is for other images or another number of classes
 */
export async function loadClassifier(
  path: string,
  { shape, classes }: Pick<SourceInfo, keyof Fitting>,
): Promise<ClassifierRef> {
  const found = await loadClassifierWeights(path, shape);
  if (found.kind === 'onnx') {
    checkClasses(path, found.signature.logits.shape[1] ?? classes, classes);
    checkShape(path, found.signature.x.shape.slice(1), shape);
    return { ...found, id: path };
  }
  const { weights, ...spec } = found;
  checkClasses(path, spec.config.classes, classes);
  checkShape(path, spec.config.shape, shape);
  return { kind: 'network', id: path, spec, weights: packWeights(weights) };
}

/** A denoiser and the noise schedule that it was trained with. */
export interface Denoiser {
  readonly model: DenoiserRef;
  readonly schedule: NoiseSchedule;
}

/**
 * Loads a denoiser for images of a shape.
 *
 * @param tiled whether images may be larger than those that it was made for
 * @throws {WeightsError} when it is for other images
 */
export async function loadDenoiser(path: string, shape: ImageShape, tiled = false): Promise<Denoiser> {
  const found = await loadDenoiserWeights(path, tiled ? undefined : shape[1]);
  const expected = (extents: readonly (number | null)[]) => (tiled ? tileOf(extents, shape) : shape);
  if (found.kind === 'onnx') {
    const extents = found.signature.x.shape.slice(1);
    checkShape(path, extents, expected(extents));
    return { model: { ...found, id: path }, schedule: DDPM_SCHEDULE };
  }
  const spec = { kind: found.kind, config: found.config };
  checkShape(path, imageShape(spec), expected(imageShape(spec)));
  const model: DenoiserRef = { kind: 'network', id: path, spec, weights: packWeights(found.weights) };
  return { model, schedule: found.schedule };
}

/** [C, H, W] that a denoiser is made for; null where its file leaves an extent open. */
export async function denoiserShape(path: string): Promise<readonly (number | null)[]> {
  const found = await loadDenoiserWeights(path);
  return found.kind === 'unet' ? imageShape(found) : found.signature.x.shape.slice(1);
}

/** Height and width that a denoiser is made for; undefined where its file leaves them open. */
export async function denoiserSize(path: string): Promise<ImageSize | undefined> {
  const [, height, width] = await denoiserShape(path);
  return height && width ? [height, width] : undefined;
}

/** The largest part of an image that a network for `extents` may be given. */
function tileOf([, ...extents]: readonly (number | null)[], [channels, ...image]: ImageShape): ImageShape {
  const [height, width] = image.map((extent, i) => Math.min(extents[i] ?? extent, extent));
  return [channels, height!, width!];
}

/**
 * Writes a classifier as an ONNX file that any runtime opens; one that came as ONNX is written as it came.
 *
 * @param replace as `replaceFile` has it
 */
export async function writeOnnx(path: string, model: ClassifierRef, replace = true): Promise<void> {
  // whoever serves the model may load it at any moment
  await replaceWith(path, onnxOf(model), replace);
}

/** The same as bytes. */
export function onnxOf(model: ClassifierRef): Uint8Array {
  if (model.kind === 'onnx') return new Uint8Array(model.bytes);
  return exportOnnx(model.spec, unpackWeights(model.weights, parametersOf(model.spec)));
}

/** @param found [C, H, W]; null where the file leaves an extent open */
function checkShape(path: string, found: readonly (number | null)[], expected: ImageShape): void {
  if (found.every((extent, i) => extent === null || extent === expected[i])) return;
  throw new WeightsError(
    `expected a network for images of [${expected}], found one for [${found}] in ${path}; ` +
      'set dataset.channels or dataset.resize, or bring a network for this dataset',
  );
}

/** How many classes a classifier knows; undefined where its file leaves that open. */
export function classesOf(model: ClassifierRef): number | undefined {
  if (model.kind === 'onnx') return model.signature.logits.shape[1] ?? undefined;
  return model.spec.kind === 'unet' ? undefined : model.spec.config.classes;
}

function checkClasses(path: string, found: number | undefined, expected: number | undefined): void {
  if (found === expected || found === undefined || expected === undefined) return;
  throw new WeightsError(
    `expected a classifier of ${expected} classes, found ${found} in ${path}; set dataset.classes, or bring another`,
  );
}
