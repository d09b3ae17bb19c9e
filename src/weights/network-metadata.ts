// A network's kind and configuration as the string that its weight files carry under the key `dataelixir`,
// so that a safetensors or ONNX file of this project can be loaded without any other file.

import { parseJson } from '../bounded-json.ts';
import { WeightsError } from '../errors.ts';
import type { NoiseSchedule } from '../math/schedule.ts';
import type { NetworkSpec } from '../networks/network.ts';
import { shown } from '../shown.ts';
import type { Settings } from './unet-settings.ts';
import { checkNoiseSchedule, checkUNetConfig } from './unet-settings.ts';

export const METADATA_KEY = 'dataelixir';

/** A network, and for a denoiser the schedule that it was trained with. */
export interface NetworkDescription {
  readonly spec: NetworkSpec;
  readonly schedule: NoiseSchedule | undefined;
}

/** Metadata for `writeSafetensors` or for an ONNX `model`. */
export function networkMetadata(
  spec: NetworkSpec,
  schedule?: NoiseSchedule,
): Readonly<Record<string, string>> {
  return { [METADATA_KEY]: JSON.stringify({ ...spec, schedule }) };
}

/**
 * Reads what {@link networkMetadata} wrote.
 *
 * @throws {WeightsError} when the text describes no network of this project
 */
export function parseNetworkMetadata(text: string, source: string): NetworkDescription {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw unknown(source, shown(text), cause);
  }
  const { kind, config, schedule } = toSettings(value);
  return {
    spec: toSpec(kind, toSettings(config), source),
    schedule: schedule === undefined ? undefined : checkNoiseSchedule(toSettings(schedule), source),
  };
}

function toSpec(kind: unknown, config: Settings, source: string): NetworkSpec {
  if (kind === 'unet') return { kind, config: checkUNetConfig(config, source) };
  if (kind !== 'preactresnet18' && kind !== 'small-cnn') throw unknown(source, shown(kind));
  const { shape, classes, widths } = config;
  if (
    !isSizes(shape) ||
    shape.length !== 3 ||
    !isSizes([classes]) ||
    !isSizes(widths) ||
    widths.length === 0
  ) {
    throw unknown(source, shown(config));
  }
  const [channels, height, width] = shape as [number, number, number];
  return { kind, config: { shape: [channels, height, width], classes: classes as number, widths } };
}

function toSettings(value: unknown): Settings {
  return typeof value === 'object' && value !== null ? (value as Settings) : {};
}

function isSizes(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= 16 &&
    value.every((v) => Number.isInteger(v) && v > 0 && v <= 65_536)
  );
}

function unknown(source: string, found: string, cause?: unknown): WeightsError {
  return new WeightsError(
    `expected the description of a network under ${METADATA_KEY} in ${source}, found ${found}; ` +
      'write the file again with this version',
    { cause },
  );
}
