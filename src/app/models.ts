// The networks of a run: loaded from what the user brings or trained here, as references that workers can run,
// and written as ONNX files.

import type { Settings } from '../../config/schema.ts';
import { checkSameNames } from '../datasets/class-names.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import type { ImageSize } from '../datasets/images/resize.ts';
import type { ImageShape } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { SourceInfo } from '../datasets/stream.ts';
import { diffusionProcess } from '../diffusion/process.ts';
import { WeightsError } from '../errors.ts';
import { replaceWith } from '../files/successor.ts';
import { type NoiseSchedule, scheduleFrom } from '../math/schedule.ts';
import { type ClassifierSpec, imageShape, parametersOf } from '../networks/network.ts';
import type { TrainingMemory, WarmMemory } from '../ports/training-memory.ts';
import { exportOnnx } from '../runtime/export-onnx.ts';
import { type PlantedObserver, plantingIn, trainPlanted } from '../training/planted-observer.ts';
import { type TrainingProgress, trainClassifier } from '../training/train-classifier.ts';
import { type Lesson, type More, trainInTurn, trainOnce } from '../training/train-once.ts';
import { trainFrozen } from '../training/train-warm.ts';
import { loadClassifierWeights, loadDenoiserWeights } from '../weights/load-weights.ts';
import { classNamesInModel } from '../weights/onnx-class-names.ts';
import { packWeights, unpackWeights } from '../weights/weights.ts';
import type { Pool } from '../workers/pool.ts';
import type { ClassifierRef, DenoiserRef } from '../workers/protocol.ts';
import type { Context } from './context.ts';
import { denoiserMeaning, observerView } from './meanings.ts';
import { planOf, plants, trainingOf } from './rules.ts';
import type { TrainedNetwork } from './tally.ts';

/** What networks have to fit: the images and classes of a dataset. */
export type Fitting = Pick<DatasetInfo, 'shape' | 'classes'>;

/** The network that `classifier` describes, for the images and classes of a dataset. */
export function classifierSpec({ classifier }: Settings, { shape, classes }: Fitting): ClassifierSpec {
  return { kind: classifier.network, config: { shape, classes, widths: classifier.widths } };
}

/** Trains a classifier as configured on a whole store. */
export function trainOn(
  pool: Pool,
  context: Context,
  network: TrainedNetwork,
  store: SampleStore,
  info: DatasetInfo,
): Promise<ClassifierRef> {
  const { settings } = context;
  const spec = classifierSpec(settings, info);
  return trainClassifier(pool, spec, { store }, trainingOf(settings), progressOf(context, network));
}

/** An observer; trained here, it may have learned triggers of ours as well. */
export interface Observer extends Partial<Pick<PlantedObserver, 'planted' | 'planting'>> {
  readonly observer: ClassifierRef;
}

/** What a training of an observer may rest on. */
export interface ObserverMeans {
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
  readonly networks?: TrainingMemory | undefined;
  /** Where the observer is the one that an earlier run trained. */
  readonly warm?: WarmMemory | undefined;
}

/** Trains an observer on a whole store, with triggers planted beside it where images are going to be looked at. */
export async function trainObserver(
  pool: Pool,
  settings: Settings,
  store: SampleStore,
  info: Fitting,
  { onProgress, networks, warm }: ObserverMeans = {},
): Promise<Observer> {
  const lesson = { spec: classifierSpec(settings, info), store, options: trainingOf(settings) };
  const once = (one: Lesson) => trainOnce(networks, pool, one, onProgress);
  const train = async (one: Lesson, more?: More) => {
    if (warm) return trainFrozen({ memory: warm, pool, onProgress }, one, more);
    return (await trainInTurn(once, one, more)).model;
  };
  const planting = plantingIn(store);
  if (!plants(settings) || planting.copied.flat().length === 0) return { observer: await train(lesson) };
  return trainPlanted(pool, lesson, planting, settings.classifier.epochs === null, train);
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
 * @throws {WeightsError} when it is for other images or another number of classes; {DatasetError} when these have other names
 */
export async function loadClassifier(
  path: string,
  { shape, classes, classNames }: Pick<SourceInfo, keyof Fitting | 'classNames'>,
): Promise<ClassifierRef> {
  checkSameNames(classNames, await classNamesInModel(path), 'the dataset');
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

/**
 * Loads the classifier that is brought as observer, which takes images and orders classes as the options say.
 *
 * @throws {ConfigError} when those do not fit the dataset; {WeightsError} as `loadClassifier`
 */
export async function loadObserver(
  path: string,
  settings: Settings,
  info: Pick<SourceInfo, keyof Fitting>,
): Promise<ClassifierRef> {
  const found = await loadClassifier(path, info);
  const view = observerView(settings, info.shape[0], classesOf(found) ?? info.classes);
  return view ? { ...found, view } : found;
}

/** A denoiser and the noise schedule that it was trained with. */
export interface Denoiser {
  readonly model: DenoiserRef;
  readonly schedule: NoiseSchedule;
}

/**
 * Loads a denoiser for images of a shape, which may be larger than those that it was made for if they are to be tiled.
 *
 * @throws {WeightsError} when it is for other images; {ConfigError} when the configured diffusion does not fit its schedule
 */
export async function loadDenoiser(path: string, settings: Settings, shape: ImageShape): Promise<Denoiser> {
  const tiled = settings.dataset.resize === 'tile';
  const found = await loadDenoiserWeights(path, tiled ? undefined : shape[1]);
  const { schedule, predicts } = denoiserMeaning(settings, found.meaning);
  // the same in workers would fail after hours of other work
  diffusionProcess(planOf(settings), scheduleFrom(schedule), predicts);
  const meant = predicts === 'epsilon' ? {} : { predicts };
  const expected = (extents: readonly (number | null)[]) => (tiled ? tileOf(extents, shape) : shape);
  if (found.kind === 'onnx') {
    const extents = found.signature.x.shape.slice(1);
    checkShape(path, extents, expected(extents));
    const { kind, bytes, signature } = found;
    return { model: { kind, bytes, signature, id: path, ...meant }, schedule };
  }
  const spec = { kind: found.kind, config: found.config };
  checkShape(path, imageShape(spec), expected(imageShape(spec)));
  const weights = packWeights(found.weights);
  return { model: { kind: 'network', id: path, spec, weights, ...meant }, schedule };
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
export async function writeOnnx(
  path: string,
  model: ClassifierRef,
  { classNames }: Pick<DatasetInfo, 'classNames'>,
  replace = true,
): Promise<void> {
  // whoever serves the model may load it at any moment
  await replaceWith(path, onnxOf(model, classNames), replace);
}

/** The same as bytes. @param classNames by label, which the file says where it is made here and these are all */
export function onnxOf(model: ClassifierRef, classNames?: readonly string[]): Uint8Array {
  if (model.kind === 'onnx') return new Uint8Array(model.bytes);
  const names = classNames?.length === classesOf(model) ? classNames : undefined;
  const weights = unpackWeights(model.weights, parametersOf(model.spec));
  return exportOnnx(model.spec, weights, { classNames: names });
}

/** @param found [C, H, W]; null where the file leaves an extent open */
function checkShape(path: string, found: readonly (number | null)[], expected: ImageShape): void {
  if (found.every((extent, i) => extent === null || extent === expected[i])) return;
  throw new WeightsError(
    `expected a network for images of [${expected}], found one for [${found}] in ${path}; ` +
      'set dataset.channels or dataset.resize, or bring a network for this dataset',
  );
}

/** The names of the classes of the observer that is brought, where there is one and it says them. */
export async function observerClassNames({
  settings,
  locate,
}: Pick<Context, 'settings' | 'locate'>): Promise<readonly string[] | undefined> {
  const { path } = settings.observer;
  return path === null ? undefined : classNamesInModel(locate(path));
}

/** How many classes a classifier knows; undefined where its file leaves that open. */
export function classesOf(model: ClassifierRef): number | undefined {
  if (model.kind === 'onnx') return model.signature.logits.shape[1] ?? model.view?.outputs?.length;
  return model.spec.kind === 'unet' ? undefined : model.spec.config.classes;
}

function checkClasses(path: string, found: number | undefined, expected: number | undefined): void {
  if (found === expected || found === undefined || expected === undefined) return;
  throw new WeightsError(
    `expected a classifier of ${expected} classes, found ${found} in ${path}; set dataset.classes, or bring another`,
  );
}
