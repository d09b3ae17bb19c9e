// Where a UNet's configuration comes from when only its weights are at hand: a training configuration beside
// the checkpoint (the flat keys of the reference, or the sections of the DDIM repository's YAML), or the
// shapes of the weights themselves. Also the noise schedule that such a configuration names, and what the network predicts.

import { PREDICTIONS, type PredictionKind } from '../diffusion/prediction.ts';
import { WeightsError } from '../errors.ts';
import { type NoiseSchedule, SCHEDULE_KINDS, type ScheduleKind } from '../math/schedule.ts';
import type { UNetConfig } from '../networks/unet-config.ts';
import { shown } from '../shown.ts';
import type { Weights } from './weights.ts';

/** The schedule of Ho et al. 2020, which configurations may leave out. */
export const DDPM_SCHEDULE: NoiseSchedule = { length: 1000, first: 1e-4, last: 0.02 };

/** What the numbers mean that a denoiser is given and gives back, which its shapes do not tell. */
export interface DenoiserMeaning {
  readonly schedule: NoiseSchedule;
  readonly predicts: PredictionKind;
}

/** The meaning of all denoisers that are trained here, and of those that say nothing of it. */
export const DDPM_MEANING: DenoiserMeaning = { schedule: DDPM_SCHEDULE, predicts: 'epsilon' };

export type Settings = Readonly<Record<string, unknown>>;

/** Larger values are no network but a mistake, or an attempt to exhaust the memory. */
const MAX_SIZE = 65_536;
/** Of a file of settings. */
export const MOST_SETTINGS_BYTES = 2 ** 20;
const MAX_LEVELS = 12;
const MAX_BLOCKS = 64;

/** Schedules as others call them: the DDIM repository, guided-diffusion. */
const OTHER_NAMES: ReadonlyMap<string, ScheduleKind> = new Map([
  ['quad', 'scaled_linear'],
  ['cosine', 'squaredcos_cap_v2'],
]);

/** Schedulers of diffusers whose images get their noise in another way than by βs. */
const OTHER_PROCESSES = /^(?:FlowMatch|ScoreSde|KarrasVe|EDM|CMStochastic)/;

/** Sections of the DDIM repository's configuration files. */
const SECTIONS = ['data', 'model', 'diffusion'];

/** Reads settings under the reference's names, from the top or from the sections `data`, `model`, `diffusion`. */
export function unetConfigFrom(settings: Settings, source: string): UNetConfig {
  const flat = flatten(settings);
  if (flat.resamp_with_conv === false) throw wrong(source, 'resamp_with_conv: true', false);
  return checkUNetConfig(
    {
      resolution: flat.resolution ?? flat.image_size,
      inChannels: flat.in_channels,
      outChannels: flat.out_ch ?? flat.out_channels,
      ch: flat.ch,
      chMult: flat.ch_mult,
      numResBlocks: flat.num_res_blocks,
      attnResolutions: flat.attn_resolutions,
    },
    source,
  );
}

/**
 * The meaning in the same settings, or in a scheduler's of diffusers; the DDPM's where they name none.
 *
 * @throws {WeightsError} when it is none that is known here
 */
export function denoiserMeaningFrom(settings: Settings, source: string): DenoiserMeaning {
  const predicted = flatten(settings).prediction_type ?? 'epsilon';
  const predicts = PREDICTIONS.find((kind) => kind === predicted);
  if (predicts === undefined) throw wrong(source, `prediction_type ${listed(PREDICTIONS)}`, predicted);
  return { schedule: noiseScheduleFrom(settings, source), predicts };
}

/** The noise schedule alone. */
export function noiseScheduleFrom(settings: Settings, source: string): NoiseSchedule {
  const flat = flatten(settings);
  if (typeof flat._class_name === 'string' && OTHER_PROCESSES.test(flat._class_name)) {
    throw wrong(source, 'a scheduler of DDPM or one like it', flat._class_name, 'bring another denoiser');
  }
  return checkNoiseSchedule(
    {
      kind: flat.beta_schedule,
      zeroSnr: flat.rescale_betas_zero_snr,
      betas: flat.trained_betas,
      length: flat.num_diffusion_timesteps ?? flat.num_train_timesteps ?? DDPM_SCHEDULE.length,
      first: flat.beta_start ?? DDPM_SCHEDULE.first,
      last: flat.beta_end ?? DDPM_SCHEDULE.last,
    },
    source,
  );
}

/**
 * Infers the configuration from weights in the reference's layout.
 *
 * @param resolution side of the images in pixels, which the shapes do not tell
 * @throws {WeightsError} when the names are of another network
 */
export function inferUNetConfig(weights: Weights, resolution: number, source: string): UNetConfig {
  const shapeOf = (name: string) => {
    const shape = weights.get(name)?.shape;
    if (shape?.length === 4) return shape;
    throw new WeightsError(
      `expected the UNet of the DDPM reference in ${source}, found no convolution ${name}; ` +
        'bring the denoiser as an ONNX file instead',
    );
  };
  const count = (prefix: string, suffix: string) => {
    let n = 0;
    while (weights.has(`${prefix}${n}${suffix}`)) n++;
    return n;
  };
  const [ch, inChannels] = shapeOf('conv_in.weight') as [number, number];
  const levels = count('down.', '.block.0.conv1.weight');
  const widths = Array.from({ length: levels }, (_, l) => shapeOf(`down.${l}.block.0.conv1.weight`)[0]!);
  const attended = widths.flatMap((_, l) => (weights.has(`down.${l}.attn.0.q.weight`) ? [l] : []));
  return checkUNetConfig(
    {
      resolution,
      inChannels,
      outChannels: shapeOf('conv_out.weight')[0],
      ch,
      chMult: widths.map((width) => width / ch),
      numResBlocks: count('down.0.block.', '.conv1.weight'),
      attnResolutions: attended.map((level) => resolution / 2 ** level),
    },
    source,
  );
}

type Candidate = Partial<Record<keyof UNetConfig, unknown>>;

/** Checks the type and range of every entry. */
export function checkUNetConfig(candidate: Candidate, source: string): UNetConfig {
  const size = (key: keyof UNetConfig, limit = MAX_SIZE) => {
    const value = candidate[key];
    if (isSize(value, limit)) return value;
    throw wrong(source, `${key} as an integer from 1 to ${limit}`, value);
  };
  const sizes = (key: keyof UNetConfig, fits: (value: unknown) => value is number) => {
    const value = candidate[key];
    if (Array.isArray(value) && value.length <= MAX_LEVELS && value.every(fits)) return value;
    throw wrong(source, `${key} as a list of sizes`, value);
  };
  const ch = size('ch');
  const isWidth = (value: unknown): value is number =>
    typeof value === 'number' && isSize(ch * value, MAX_SIZE);
  const chMult = sizes('chMult', isWidth);
  if (chMult.length === 0) throw wrong(source, 'chMult with at least one level', chMult);
  if (candidate.outChannels !== candidate.inChannels) {
    throw wrong(source, `as many output as input channels (${candidate.inChannels})`, candidate.outChannels);
  }
  return {
    resolution: size('resolution'),
    inChannels: size('inChannels'),
    outChannels: size('outChannels'),
    ch,
    chMult,
    numResBlocks: size('numResBlocks', MAX_BLOCKS),
    attnResolutions: sizes('attnResolutions', (value): value is number => isSize(value, MAX_SIZE)),
    ...(candidate.normGroups === undefined ? {} : { normGroups: size('normGroups') }),
    ...(candidate.headChannels === undefined ? {} : { headChannels: size('headChannels') }),
    ...unlikePublished(candidate, source),
  };
}

/** What other libraries do otherwise than the published network. */
function unlikePublished(candidate: Candidate, source: string) {
  const { epsilon, evenPadding, cosFirst, frequencyShift } = candidate;
  const isEpsilon = epsilon === undefined || (typeof epsilon === 'number' && epsilon > 0 && epsilon < 1);
  if (!isEpsilon) throw wrong(source, 'epsilon between 0 and 1', epsilon);
  if (frequencyShift !== undefined && frequencyShift !== 0 && frequencyShift !== 1) {
    throw wrong(source, 'frequencyShift 0 or 1', frequencyShift);
  }
  return {
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(evenPadding === true && { evenPadding }),
    ...(cosFirst === true && { cosFirst }),
    ...(frequencyShift === undefined ? {} : { frequencyShift }),
  };
}

/** Checks that the βs make a schedule of a known kind. What is as in most stays out: states are told by it. */
export function checkNoiseSchedule(candidate: Settings, source: string): NoiseSchedule {
  const { first, last, zeroSnr } = candidate;
  const betas = checkBetas(candidate.betas, source);
  const length = betas?.length ?? candidate.length;
  const fits = isSize(length, MAX_SIZE) && typeof first === 'number' && typeof last === 'number';
  if (!(fits && first > 0 && first <= last && last < 1)) {
    throw wrong(source, 'a noise schedule with 0 < first β ≤ last β < 1', candidate);
  }
  if (zeroSnr === true && length < 2) throw wrong(source, 'two steps for zero SNR', length);
  const kind = checkKind(candidate.kind, source);
  return {
    length,
    first,
    last,
    ...(kind !== 'linear' && { kind }),
    ...(zeroSnr === true && { zeroSnr }),
    ...(betas && { betas }),
  };
}

function checkKind(named: unknown, source: string): ScheduleKind {
  const name = (typeof named === 'string' ? OTHER_NAMES.get(named) : undefined) ?? named ?? 'linear';
  const kind = SCHEDULE_KINDS.find((known) => known === name);
  if (kind === undefined) throw wrong(source, `beta_schedule ${listed(SCHEDULE_KINDS)}`, named);
  return kind;
}

/** βs of a scheduler that are listed one by one; diffusers has null where they are not. */
function checkBetas(betas: unknown, source: string): readonly number[] | undefined {
  if (betas === undefined || betas === null) return undefined;
  if (Array.isArray(betas) && isSize(betas.length, MAX_SIZE)) {
    // the last step may leave nothing of the image
    const isBeta = (beta: unknown, t: number) =>
      typeof beta === 'number' && beta > 0 && (beta < 1 || (beta === 1 && t === betas.length - 1));
    if (betas.every(isBeta)) return betas;
  }
  throw wrong(source, 'trained_betas: null, or a list of numbers between 0 and 1', betas);
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function flatten(settings: Settings): Settings {
  return Object.assign({}, settings, ...SECTIONS.map((section) => settings[section]));
}

function isSize(value: unknown, limit: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limit;
}

function wrong(
  source: string,
  expected: string,
  found: unknown,
  remedy = "correct the network's configuration",
): WeightsError {
  return new WeightsError(`expected ${expected} in ${source}, found ${shown(found)}; ${remedy}`);
}
