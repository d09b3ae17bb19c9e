// What people say of the networks that they bring, where a file does not show it: what a denoiser predicts and in which noise
// schedule, what range of numbers an observer takes and which of its outputs stands for which label. A network that is
// understood wrongly runs all the same, and tells nonsense.

import type { Settings } from '../../config/schema.ts';
import { ConfigError } from '../errors.ts';
import { checkNoiseSchedule, DDPM_MEANING, type DenoiserMeaning } from '../weights/unet-settings.ts';
import type { ClassifierView } from '../workers/protocol.ts';

/** Options that say it of a denoiser. */
export const DENOISER_MEANING = [
  'prediction',
  'schedule',
  'timesteps',
  'betaStart',
  'betaEnd',
  'zeroSnr',
] as const satisfies readonly (keyof Settings['denoiser'])[];

/**
 * What a denoiser means: what the options say, else what its file does.
 *
 * @throws {ConfigError} when they make no schedule
 */
export function denoiserMeaning({ denoiser }: Settings, found: DenoiserMeaning): DenoiserMeaning {
  const { prediction, schedule, timesteps, betaStart, betaEnd, zeroSnr } = denoiser;
  const { betas, ...made } = found.schedule;
  const first = betaStart ?? made.first;
  const last = betaEnd ?? made.last;
  if (first > last) {
    throw new ConfigError(`denoiser.betaStart: expected at most ${last} (denoiser.betaEnd), found ${first}`);
  }
  const isSaid = [schedule, timesteps, betaStart, betaEnd].some((value) => value !== null);
  const candidate = {
    length: timesteps ?? made.length,
    first,
    last,
    kind: schedule ?? made.kind,
    zeroSnr: zeroSnr || made.zeroSnr,
    betas: isSaid ? undefined : betas,
  };
  return {
    predicts: prediction ?? found.predicts,
    schedule: checkNoiseSchedule(candidate, 'the options of denoiser'),
  };
}

/** @throws {ConfigError} when the options say that a denoiser is what none is that is trained here */
export function checkTrainable(settings: Settings): void {
  const expected = JSON.stringify(DDPM_MEANING);
  const { schedule, predicts } = denoiserMeaning(settings, DDPM_MEANING);
  if (JSON.stringify({ schedule, predicts }) === expected) return;
  throw new ConfigError(
    `expected nothing in ${DENOISER_MEANING.map((name) => `denoiser.${name}`).join(', ')} where a denoiser is trained, which ` +
      'predicts noise in the linear schedule, found another meaning; leave them out, or bring a denoiser',
  );
}

/** @throws {ConfigError} when the options tell of an observer that is not brought */
export function checkObserver({ observer: { path, ...said } }: Settings): void {
  const names = Object.entries(said).filter(([, values]) => values.length > 0);
  if (path !== null || names.length === 0) return;
  const found = names.map(([name]) => `observer.${name}`).join(', ');
  throw new ConfigError(
    `observer.path: expected a classifier that ${found} ${names.length > 1 ? 'speak' : 'speaks'} of, found none; ` +
      'name its file, or leave them out',
  );
}

/**
 * How an observer that is brought takes images and orders classes; undefined where as one that is trained here.
 *
 * @param channels of the images
 * @param classes  of the classifier, where that is known
 * @throws {ConfigError} when the options do not fit these
 */
export function observerView(
  { observer }: Settings,
  channels: number,
  classes: number | undefined,
): ClassifierView | undefined {
  const { range, mean, deviation, labels } = observer;
  if ([range, mean, deviation, labels].every((values) => values.length === 0)) return undefined;
  const isNormalised = mean.length + deviation.length > 0;
  const [low, high] = range.length > 0 ? range : isNormalised ? [0, 1] : [-1, 1];
  const means = channelwise('mean', mean, channels, 0);
  const deviations = channelwise('deviation', deviation, channels, 1);
  const [half, middle] = [(high! - low!) / 2, (high! + low!) / 2];
  return {
    scale: deviations.map((divisor) => half / divisor),
    shift: deviations.map((divisor, c) => (middle - means[c]!) / divisor),
    ...(labels.length > 0 && { outputs: outputsOf(labels, classes ?? labels.length) }),
  };
}

function channelwise(
  name: 'mean' | 'deviation',
  values: readonly number[],
  channels: number,
  none: number,
): readonly number[] {
  if (values.length === channels) return values;
  if (values.length <= 1) return new Array<number>(channels).fill(values[0] ?? none);
  throw new ConfigError(
    `observer.${name}: expected one number or ${channels}, one a channel, found ${values.length}; correct it`,
  );
}

/** The output of each label. */
function outputsOf(labels: readonly number[], classes: number): readonly number[] {
  const outputs = Array.from({ length: classes }, (_, label) => labels.indexOf(label));
  if (labels.length === classes && !outputs.includes(-1)) return outputs;
  throw new ConfigError(
    `observer.labels: expected each label from 0 to ${classes - 1} once, found ${labels.join(', ')}; ` +
      'give the label of each of its outputs',
  );
}
