// What an ONNX file says of itself that its signature does not show: properties under the names of diffusers' schedulers
// (`prediction_type`, `beta_schedule` and others), which whoever exports a denoiser can add, or the description that this
// project writes.

import { parseJson } from '../bounded-json.ts';
import { METADATA_KEY, parseNetworkMetadata } from './network-metadata.ts';
import { decodeModel } from './onnx-proto.ts';
import { DDPM_MEANING, type DenoiserMeaning, denoiserMeaningFrom } from './unet-settings.ts';

/** What Python makes of values that are no texts. */
const PYTHON: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['True', true],
  ['False', false],
  ['None', undefined],
]);

/**
 * What a denoiser predicts, and in which schedule; the DDPM's where it does not say.
 *
 * @param source file name for errors
 * @throws {WeightsError} when it says something that is unknown here
 */
export function onnxMeaning(bytes: Uint8Array, source: string): DenoiserMeaning {
  const { metadataProps = [] } = decodeModel(bytes, source);
  const own = metadataProps.find(({ key }) => key === METADATA_KEY);
  if (own) {
    const { schedule = DDPM_MEANING.schedule } = parseNetworkMetadata(own.value, source);
    return { ...DDPM_MEANING, schedule };
  }
  const properties = metadataProps.map(({ key, value }) => [key, meantBy(value)] as const);
  return denoiserMeaningFrom(Object.fromEntries(properties), source);
}

/** Properties are texts, also where they stand for numbers. */
function meantBy(text: string): unknown {
  if (PYTHON.has(text)) return PYTHON.get(text);
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
