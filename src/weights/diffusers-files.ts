// Which file of a diffusers folder holds the weights: one of safetensors or .bin, perhaps a variant (`.fp16.`), perhaps
// in shards that an index names. What an index says is believed only of files beside it that are called as shards are.

import { join } from 'node:path';
import { parseJson } from '../bounded-json.ts';
import { UnreadableError, WeightsError } from '../errors.ts';
import { listFolder } from '../files/folder.ts';
import { readText } from '../files/regular-file.ts';
import { shown } from '../shown.ts';
import { withoutPrefixes } from './name-prefixes.ts';
import { readSafetensors } from './safetensors.ts';
import { readTorchCheckpoint } from './torch-checkpoint.ts';
import { MOST_SETTINGS_BYTES, type Settings } from './unet-settings.ts';
import type { Weights, WeightTensor } from './weights.ts';

const WHOLE = /^diffusion_pytorch_model(?:\.([^.-]+))?\.(safetensors|bin)$/;
const INDEX = /^diffusion_pytorch_model\.(safetensors|bin)\.index(?:\.([^.-]+))?\.json$/;
const SHARD = /^diffusion_pytorch_model[\w.-]{1,64}\.(?:safetensors|bin)$/;

interface Candidate {
  readonly name: string;
  readonly variant: string;
  readonly kind: string;
  readonly isIndex: boolean;
}

/**
 * The weights of a model's folder, under the names that stand there: those of full precision before variants, safetensors
 * before .bin.
 *
 * @throws {WeightsError} when there are none, or they are damaged
 */
export async function readDiffusersWeights(folder: string): Promise<Weights> {
  const entries = await listFolder(folder);
  const [best] = entries.flatMap(({ name }) => candidateOf(name) ?? []).sort(better);
  if (best === undefined) {
    throw new WeightsError(
      `expected diffusion_pytorch_model.safetensors or .bin, a variant of them or their index in ${folder}, found none; ` +
        'fetch the weights (git lfs pull)',
    );
  }
  const path = join(folder, best.name);
  return withoutPrefixes(best.isIndex ? await readShards(folder, path) : await readOne(path));
}

function candidateOf(name: string): Candidate | undefined {
  const [, variant = '', kind] = WHOLE.exec(name) ?? [];
  if (kind !== undefined) return { name, variant, kind, isIndex: false };
  const [, indexed, of = ''] = INDEX.exec(name) ?? [];
  return indexed === undefined ? undefined : { name, variant: of, kind: indexed, isIndex: true };
}

function better(a: Candidate, b: Candidate): number {
  const keys = ({ variant, kind, isIndex }: Candidate) =>
    `${variant} ${kind === 'bin' ? 1 : 0} ${isIndex ? 1 : 0}`;
  return keys(a) < keys(b) ? -1 : 1;
}

/** Each tensor from the file that the index names for it. */
async function readShards(folder: string, index: string): Promise<Weights> {
  const weights = new Map<string, WeightTensor>();
  const names = await readIndex(index);
  for (const shard of new Set(names.map(([, shard]) => shard))) {
    const tensors = await readOne(join(folder, shard));
    for (const [name] of names.filter(([, where]) => where === shard)) {
      const tensor = tensors.get(name);
      if (!tensor) throw damaged(index, `${name} in ${shard}`, 'none');
      weights.set(name, tensor);
    }
  }
  return weights;
}

async function readIndex(path: string): Promise<(readonly [name: string, shard: string])[]> {
  const { weight_map: map } = await readSettingsJson(path);
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw damaged(path, 'a weight_map', 'none');
  return Object.entries(map).map(([name, shard]) => {
    if (typeof shard === 'string' && SHARD.test(shard)) return [name, shard];
    throw damaged(path, 'names of shards beside it', shown(shard));
  });
}

async function readOne(path: string): Promise<Weights> {
  return path.endsWith('.bin') ? readTorchCheckpoint(path) : (await readSafetensors(path)).weights;
}

/** A JSON object of settings, which anybody may have written. */
export async function readSettingsJson(path: string): Promise<Settings> {
  try {
    const value = parseJson(await readText(path, MOST_SETTINGS_BYTES));
    if (typeof value === 'object' && value !== null) return value as Settings;
  } catch (cause) {
    if (cause instanceof UnreadableError) throw cause;
    throw new WeightsError(
      `expected JSON in ${path}, found none (${(cause as Error).message}); give the folder of a diffusers pipeline`,
      { cause },
    );
  }
  throw new WeightsError(`expected a JSON object in ${path}, found another value; fetch the file again`);
}

function damaged(index: string, expected: string, found: string): WeightsError {
  return new WeightsError(
    `expected ${expected} by the index ${index}, found ${found}; fetch the folder again`,
  );
}
