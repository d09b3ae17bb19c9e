// Finds the configured denoiser, or trains it and keeps it as a safetensors file that says what network it is. The state of the
// training stands in a second file beside it, so that a training that was cut off, or was too short, can go on.

import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Settings } from '../../config/schema.ts';
import type { ImageSize } from '../datasets/images/resize.ts';
import type { ImageShape } from '../datasets/sample.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { SourceInfo } from '../datasets/stream.ts';
import { ConfigError, OutputError, unwritten, WeightsError } from '../errors.ts';
import type { DenoiserSpec } from '../networks/network.ts';
import { type DenoiserCheckpoint, type DenoiserTraining, trainDenoiser } from '../training/train-denoiser.ts';
import { networkMetadata } from '../weights/network-metadata.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { DDPM_SCHEDULE } from '../weights/unet-settings.ts';
import type { Pool } from '../workers/pool.ts';
import type { Context } from './context.ts';
import { fillStore, openDenoiserImages, openTraining, refuseToLog } from './datasets.ts';
import { checkTrainable } from './meanings.ts';
import { type Denoiser, denoiserShape, denoiserSize, loadDenoiser, progressOf } from './models.ts';
import { packageRoot, STANDARD, trainingStatePath } from './paths.ts';
import { checkReplaceable } from './replaceable.ts';

/** Where they lie in the package. */
const BUNDLED = 'models';

/**
 * Path of the configured denoiser, checked before any work begins. Where there is none, the source is looked at first: whoever
 * got that wrong, too, is told of it before a denoiser is made for it.
 *
 * @param trainable whether one can be trained on `denoiser.sources` where the file is missing
 * @param look      whether the source is there to be looked at
 * @throws {ConfigError} when no file is named, or it is missing and cannot be made
 */
export async function denoiserPath(context: Context, trainable: boolean, look = true): Promise<string> {
  const { settings, locate } = context;
  const { path, sources } = settings.denoiser;
  if (path !== null && existsSync(locate(path))) return locate(path);
  if (path !== null && trainable && sources.length > 0) {
    checkTrainable(settings);
    return locate(path);
  }
  const looked = look && !settings.dataset.train.includes(STANDARD) ? await openTraining(context) : undefined;
  const images = looked ? ` for images of ${looked.info.shape.join('×')}` : '';
  throw new ConfigError(
    `denoiser.path: expected a denoiser${images}, found ${path === null ? 'none' : `nothing at ${path}`}; ` +
      'make one with `dataelixir train-denoiser`, or pass --denoiser-path with your own or one that comes with the program: ' +
      `${(await bundledDenoisers()).join(', ')}`,
  );
}

/** The denoisers of the package, each with the images that it is for. */
async function bundledDenoisers(): Promise<string[]> {
  const files = readdirSync(join(packageRoot, BUNDLED)).filter((name) => name.endsWith('.safetensors'));
  const described = files.sort().map(async (name) => {
    const path = join(BUNDLED, name);
    return `${path} (${(await denoiserShape(join(packageRoot, path))).join('×')})`;
  });
  return Promise.all(described);
}

/** The denoiser at a path; where there is no such file, one is trained on `denoiser.sources` first. */
export async function prepareDenoiser(
  path: string,
  context: Context,
  pool: Pool,
  scratch: string,
  info: SourceInfo,
): Promise<Denoiser> {
  if (!existsSync(path)) {
    const images = await openDenoiserImages(context, info);
    const store = await fillStore(context, join(scratch, 'denoiser'), images, refuseToLog(context));
    await trainDenoiserTo(path, pool, context, store);
    store.dispose();
  }
  return loadDenoiser(path, context.settings, info.shape);
}

/**
 * The size that images are to be resized to for the denoiser at a path: undefined where they are not, where the options say it,
 * or where the denoiser does not.
 */
export async function sizeFor({ settings }: Context, path: string): Promise<ImageSize | undefined> {
  const { resize, size } = settings.dataset;
  return resize === 'resize' && size === null && existsSync(path) ? denoiserSize(path) : undefined;
}

/**
 * Checks where a denoiser is to be written, before its images are read. Going on with a training replaces what that left.
 *
 * @throws {OutputError} when something else stands there, or the training is to begin anew without `overwrite`
 */
export function checkDenoiserOutput({ settings }: Context, path: string): void {
  const state = trainingStatePath(path);
  const goesOn = settings.denoiser.resume && existsSync(state);
  checkReplaceable('denoiser.path', path, { overwrite: settings.overwrite || goesOn });
  if (settings.overwrite || !existsSync(state) || goesOn) return;
  throw new OutputError(
    `denoiser.path: expected no training state beside ${path}, found ${state}; pass --denoiser-resume to go on from it, ` +
      'or --overwrite to begin anew',
  );
}

/** Trains on all images of a store and writes the averaged weights to `path`. */
export async function trainDenoiserTo(
  path: string,
  pool: Pool,
  context: Context,
  store: SampleStore,
): Promise<void> {
  const { settings, log } = context;
  const spec = denoiserSpec(settings, store.shape);
  const state = new StateFile(path, spec);
  // what stands there was looked at before
  const replace = existsSync(path);
  const resume = settings.denoiser.resume ? await state.read() : undefined;
  await state.checkReplaceable();
  if (resume !== undefined) {
    const event = { event: 'resumed', network: 'denoiser', step: resume.step } as const;
    log.info('denoiser', `going on after step ${resume.step}`, event);
  }
  await mkdir(dirname(path), { recursive: true }).catch(unwritten(path));
  const weights = await trainDenoiser(pool, spec, store, denoiserTraining(settings), {
    ...(resume && { resume }),
    checkpoint: { every: settings.denoiser.checkpointEvery, save: (checkpoint) => state.write(checkpoint) },
    onProgress: progressOf(context, 'denoiser'),
  });
  await writeSafetensors(path, weights, networkMetadata(spec, DDPM_SCHEDULE), replace);
  log.info('denoiser', `written to ${path}`, { event: 'written', path });
}

function denoiserSpec({ denoiser }: Settings, [channels, height, width]: ImageShape): DenoiserSpec {
  if (height !== width) {
    throw new ConfigError(
      `expected square images to train a UNet on, found ${height}×${width}; bring a denoiser instead`,
    );
  }
  return {
    kind: 'unet',
    config: {
      resolution: height,
      inChannels: channels,
      outChannels: channels,
      ch: denoiser.channels,
      chMult: denoiser.multipliers,
      numResBlocks: denoiser.blocks,
      attnResolutions: denoiser.attention,
      normGroups: denoiser.groups,
    },
  };
}

function denoiserTraining({ denoiser, seed }: Settings): DenoiserTraining {
  const { steps, batch, shards, learningRate, warmup, ema, maxStep } = denoiser;
  return { steps, batch, shards, learningRate, warmup, emaDecay: ema, depth: maxStep, seed };
}

/** The training state beside a denoiser's weights. */
class StateFile {
  readonly #path: string;
  readonly #spec: DenoiserSpec;
  /** Whether what stands there is the state of a training. */
  #isThere = false;

  constructor(weightsPath: string, spec: DenoiserSpec) {
    this.#path = trainingStatePath(weightsPath);
    this.#spec = spec;
  }

  async write({ step, vectors }: DenoiserCheckpoint): Promise<void> {
    const metadata = { step: String(step), ...networkMetadata(this.#spec) };
    await writeSafetensors(this.#path, vectors, metadata, this.#isThere);
    this.#isThere = true;
  }

  /** @throws {OutputError} when something else than the state of a training stands at its place */
  async checkReplaceable(): Promise<void> {
    if (!existsSync(this.#path)) return;
    const found = await readSafetensors(this.#path).catch(() => undefined);
    if (found?.metadata.step !== undefined) {
      this.#isThere = true;
      return;
    }
    throw new OutputError(
      `expected the state of a training or nothing at ${this.#path}, which goes there, found something else; ` +
        'choose another --denoiser-path',
    );
  }

  /** @throws {WeightsError} when the state is of another network */
  async read(): Promise<DenoiserCheckpoint | undefined> {
    if (!existsSync(this.#path)) return undefined;
    const { weights: vectors, metadata } = await readSafetensors(this.#path);
    const step = Number(metadata.step);
    const expected = networkMetadata(this.#spec);
    if (
      Number.isSafeInteger(step) &&
      Object.entries(expected).every(([key, text]) => metadata[key] === text)
    ) {
      return { step, vectors };
    }
    throw new WeightsError(
      `expected the training state of the configured denoiser in ${this.#path}, found that of another; ` +
        'set denoiser.* as they were, or train without denoiser.resume',
    );
  }
}
