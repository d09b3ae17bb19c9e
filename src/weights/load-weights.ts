// The door for every file that a user brings: what it is, is recognised by its content, never by its name,
// and it comes out as one of this project's networks with weights that fit, or as an ONNX model with a
// signature that can be run.

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { ShapeError, UnreadableError, WeightsError } from '../errors.ts';
import { readText } from '../files/regular-file.ts';
import type { ClassifierSpec, NetworkSpec } from '../networks/network.ts';
import { parametersOf } from '../networks/network.ts';
import type { UNetConfig } from '../networks/unet-config.ts';
import type { ByteSource } from './byte-source.ts';
import { withFile } from './byte-source.ts';
import { readDiffusersFolder } from './diffusers.ts';
import { withoutPrefixes } from './name-prefixes.ts';
import { METADATA_KEY, type NetworkDescription, parseNetworkMetadata } from './network-metadata.ts';
import { withOwnWeights } from './onnx-external.ts';
import { onnxMeaning } from './onnx-meaning.ts';
import type { ClassifierSignature, DenoiserSignature } from './onnx-signature.ts';
import { classifierSignature, denoiserSignature } from './onnx-signature.ts';
import { openZeroExtents } from './onnx-survey.ts';
import { readSafetensorsFrom } from './safetensors.ts';
import { isZip, readTorchCheckpointFrom } from './torch-checkpoint.ts';
import type { DenoiserMeaning, Settings } from './unet-settings.ts';
import {
  DDPM_MEANING,
  DDPM_SCHEDULE,
  denoiserMeaningFrom,
  inferUNetConfig,
  MOST_SETTINGS_BYTES,
  unetConfigFrom,
} from './unet-settings.ts';
import type { Weights } from './weights.ts';
import { expectWeights } from './weights.ts';

export type DenoiserWeights =
  | {
      readonly kind: 'unet';
      readonly config: UNetConfig;
      readonly weights: Weights;
      readonly meaning: DenoiserMeaning;
    }
  | {
      readonly kind: 'onnx';
      readonly bytes: SharedArrayBuffer;
      readonly signature: DenoiserSignature;
      readonly meaning: DenoiserMeaning;
    };

export type ClassifierWeights =
  | (ClassifierSpec & { readonly weights: Weights })
  | { readonly kind: 'onnx'; readonly bytes: SharedArrayBuffer; readonly signature: ClassifierSignature };

/**
 * Loads a noise predictor: a PyTorch checkpoint, safetensors, a diffusers folder or an ONNX file. A checkpoint
 * without a description takes its configuration from a .json, .yaml or .yml file of the same name beside it,
 * otherwise from the shapes of its weights.
 *
 * @param resolution side of the images in pixels, for a configuration inferred from shapes
 * @throws {WeightsError} when the file is damaged, unsafe, or not a denoiser that can be run here
 */
export async function loadDenoiserWeights(path: string, resolution?: number): Promise<DenoiserWeights> {
  if (await isFolder(path)) {
    const { config, weights, meaning } = await readDiffusersFolder(path);
    return { kind: 'unet', config, weights: fitted({ kind: 'unet', config }, weights, path), meaning };
  }
  const content = await readContent(path);
  if (content.kind === 'onnx') {
    const { bytes } = content;
    const signature = denoiserSignature(new Uint8Array(bytes), path);
    return { kind: 'onnx', bytes, signature, meaning: onnxMeaning(new Uint8Array(bytes), path) };
  }
  const { weights } = content;
  const { config, meaning } = await describeUNet(content, resolution, path);
  return { kind: 'unet', config, weights: fitted({ kind: 'unet', config }, weights, path), meaning };
}

/**
 * Loads a classifier: a PyTorch checkpoint or safetensors of a PreActResNet-18 or small CNN, or an ONNX file.
 *
 * @param shape [channels, height, width] of the images, for files that do not say it
 * @throws {WeightsError} when the file is damaged, unsafe, or not a classifier that can be run here
 */
export async function loadClassifierWeights(
  path: string,
  shape?: readonly [number, number, number],
): Promise<ClassifierWeights> {
  const content = await readContent(path);
  if (content.kind === 'onnx') {
    const { bytes } = content;
    return { kind: 'onnx', bytes, signature: classifierSignature(new Uint8Array(bytes), path) };
  }
  const { weights, description } = content;
  const spec = description?.spec ?? inferClassifier(weights, shape, path);
  if (spec.kind === 'unet') throw otherNetwork(path, 'classifier', spec.kind);
  return { ...spec, weights: fitted(spec, weights, path) };
}

interface DescribedWeights {
  readonly kind: 'weights';
  readonly weights: Weights;
  readonly description: NetworkDescription | undefined;
}

type Content = DescribedWeights | { readonly kind: 'onnx'; readonly bytes: SharedArrayBuffer };

async function readContent(path: string): Promise<Content> {
  return withFile(path, async (source) => {
    const head = await source.read(0, Math.min(9, source.size));
    // a header length, then JSON
    if (head[8] === 0x7b) return readDescribedSafetensors(source);
    // PROTO opcode of a pickle
    if (isZip(head) || head[0] === 0x80) {
      return { kind: 'weights', weights: await readTorchCheckpointFrom(source), description: undefined };
    }
    // field 1 of ModelProto, the IR version
    if (head[0] === 0x08) return { kind: 'onnx', bytes: await readOnnx(source) };
    throw new WeightsError(
      `expected a PyTorch checkpoint, safetensors, ONNX or a diffusers folder at ${path}, found a file that starts ` +
        `with ${Buffer.from(head).toString('hex') || 'nothing'}; convert it to one of these`,
    );
  });
}

async function readOnnx(source: ByteSource): Promise<SharedArrayBuffer> {
  const bytes = await withOwnWeights(await source.readShared(), source.name);
  openZeroExtents(new Uint8Array(bytes), source.name);
  return bytes;
}

async function readDescribedSafetensors(source: ByteSource): Promise<Content> {
  const { weights, metadata } = await readSafetensorsFrom(source);
  const text = metadata[METADATA_KEY];
  const description = text === undefined ? undefined : parseNetworkMetadata(text, source.name);
  return { kind: 'weights', weights: withoutPrefixes(weights), description };
}

function fitted(spec: NetworkSpec, weights: Weights, path: string): Weights {
  return expectWeights(weights, parametersIn(spec, path), path);
}

/** Each number of a configuration may be right, and no network of all of them. */
function parametersIn(spec: NetworkSpec, path: string) {
  try {
    return parametersOf(spec);
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new WeightsError(
      `expected the configuration of a network for ${path}, found one that cannot be built: ${cause.message}; correct it`,
      { cause },
    );
  }
}

/** Configuration and meaning of a UNet: from its own description, from a file beside it, or from its shapes. */
async function describeUNet(
  { weights, description }: DescribedWeights,
  resolution: number | undefined,
  path: string,
): Promise<{ readonly config: UNetConfig; readonly meaning: DenoiserMeaning }> {
  if (description) {
    const { spec, schedule = DDPM_SCHEDULE } = description;
    if (spec.kind !== 'unet') throw otherNetwork(path, 'unet', spec.kind);
    return { config: spec.config, meaning: { ...DDPM_MEANING, schedule } };
  }
  if (weights.has('time_embedding.linear_1.weight')) {
    throw new WeightsError(
      `expected weights under the DDPM reference's names in ${path}, found those of diffusers; ` +
        'give the pipeline folder with its config.json instead',
    );
  }
  const file = settingsFileBeside(path);
  if (file !== undefined) {
    const settings = await readSettings(file);
    return { config: unetConfigFrom(settings, file), meaning: denoiserMeaningFrom(settings, file) };
  }
  if (resolution !== undefined) {
    return { config: inferUNetConfig(weights, resolution, path), meaning: DDPM_MEANING };
  }
  throw new WeightsError(
    `expected the configuration of the UNet beside ${path}, found none; put its YAML or JSON there under the same ` +
      'name, or state the side of its images (dataset.size)',
  );
}

/** `name.json`, `name.yaml` or `name.yml` beside `name.ckpt`. */
function settingsFileBeside(path: string): string | undefined {
  const stem = path.replace(/\.[^./\\]+$/, '');
  return ['.json', '.yaml', '.yml'].map((extension) => stem + extension).find((name) => existsSync(name));
}

async function readSettings(file: string): Promise<Settings> {
  let settings: unknown;
  try {
    // warnings of the library would quote the file on the terminal, as it is
    settings = parseYaml(await readText(file, MOST_SETTINGS_BYTES), { logLevel: 'error' });
  } catch (cause) {
    if (cause instanceof UnreadableError) throw cause;
    throw new WeightsError(
      `expected YAML or JSON in ${file}, found neither (${(cause as Error).message}); correct or remove it`,
      { cause },
    );
  }
  if (typeof settings === 'object' && settings !== null) return settings as Settings;
  throw new WeightsError(`expected settings of a UNet in ${file}, found none; correct or remove it`);
}

function inferClassifier(
  weights: Weights,
  shape: readonly [number, number, number] | undefined,
  path: string,
): ClassifierSpec {
  const classes = weights.get('linear.weight')?.shape[0];
  const residual = widthsOf(weights, (stage) => `layer${stage + 1}.0.conv1.weight`);
  const plain = widthsOf(weights, (stage) => `stage${stage}.conv.weight`);
  if (classes === undefined || residual.length + plain.length === 0) {
    throw new WeightsError(
      `expected a PreActResNet-18 or a small CNN in ${path}, found weights of another network; ` +
        'export the classifier to ONNX and use that file',
    );
  }
  if (shape === undefined) {
    throw new WeightsError(
      `expected to know the image size for ${path}, found none; state channels, height, width`,
    );
  }
  if (residual.length > 0) return { kind: 'preactresnet18', config: { shape, classes, widths: residual } };
  return { kind: 'small-cnn', config: { shape, classes, widths: plain } };
}

/** Output channels of the convolutions that `name` gives for 0, 1, 2…, up to the first that is missing. */
function widthsOf(weights: Weights, name: (stage: number) => string): readonly number[] {
  const widths: number[] = [];
  for (;;) {
    const width = weights.get(name(widths.length))?.shape[0];
    if (width === undefined) return widths;
    widths.push(width);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function otherNetwork(path: string, expected: string, found: string): WeightsError {
  return new WeightsError(`expected a ${expected} in ${path}, found a ${found}; give the right file`);
}
