// What goes into and comes out of an ONNX file of unknown origin, so that a denoiser or classifier that
// somebody else exported can be run without knowing how it was made. Inputs and outputs are recognised by
// type and rank; names count only where those leave a choice.

import { WeightsError } from '../errors.ts';
import { decodeModel } from './onnx-proto.ts';
import type { OnnxDimension, OnnxValueInfo } from './onnx-schema.ts';
import { ELEMENT_TYPES } from './onnx-schema.ts';
import { surveyModel } from './onnx-survey.ts';

type ElementName = keyof typeof ELEMENT_TYPES;

/** An input or output; an extent is null where the file leaves it open. */
export interface Port {
  readonly name: string;
  readonly type: ElementName;
  readonly shape: readonly (number | null)[];
}

/** A denoiser maps images `x` [N, C, H, W] and schedule indices `t` to the noise in the images, of the same shape. */
export interface DenoiserSignature {
  readonly x: Port;
  /** [N], or one index for the batch where the shape is [] or [1]; float32 or int64. */
  readonly t: Port;
  readonly noise: Port;
}

/** A classifier maps images `x` [N, C, H, W] to logits [N, classes], perhaps also to features [N, F]. */
export interface ClassifierSignature {
  readonly x: Port;
  readonly logits: Port;
  readonly features: Port | undefined;
}

/**
 * Recognises a denoiser.
 *
 * @param source file name for errors
 * @throws {WeightsError} when `bytes` is no ONNX model or its inputs and outputs are not a denoiser's
 */
export function denoiserSignature(bytes: Uint8Array, source: string): DenoiserSignature {
  const { inputs, outputs } = portsOf(bytes, source);
  const x = inputs.find(isImages);
  const t = inputs.find(
    (port) => port.shape.length <= 1 && (port.type === 'float32' || port.type === 'int64'),
  );
  const noise = outputs.find(isImages);
  if (x && t && noise && inputs.length === 2 && agree(x.shape, noise.shape)) return { x, t, noise };
  throw unfit(
    source,
    'a denoiser (x float32 [N,C,H,W], t float32 or int64 [N]) → noise float32 [N,C,H,W]',
    inputs,
    outputs,
  );
}

/**
 * Recognises a classifier. Among several outputs of rank 2, `logits` and `features` are found by these names.
 *
 * @param source file name for errors
 * @throws {WeightsError} when `bytes` is no ONNX model or its inputs and outputs are not a classifier's
 */
export function classifierSignature(bytes: Uint8Array, source: string): ClassifierSignature {
  const { inputs, outputs } = portsOf(bytes, source);
  const x = inputs.find(isImages);
  const tables = outputs.filter((port) => port.type === 'float32' && port.shape.length === 2);
  const logits = tables.length === 1 ? tables[0] : tables.find((port) => port.name === 'logits');
  const features = tables.find((port) => port.name === 'features' && port !== logits);
  if (x && logits && inputs.length === 1) return { x, logits, features };
  throw unfit(
    source,
    'a classifier x float32 [N,C,H,W] → logits float32 [N,classes] (named so if there are several outputs)',
    inputs,
    outputs,
  );
}

function portsOf(bytes: Uint8Array, source: string): { inputs: readonly Port[]; outputs: readonly Port[] } {
  surveyModel(bytes, source);
  const model = decodeModel(bytes, source);
  // Before IR version 4 every initializer was listed as an input, too.
  const weights = new Set(model.graph.initializer.map(({ name }) => name));
  return {
    inputs: model.graph.input.filter(({ name }) => !weights.has(name)).map((info) => toPort(info, source)),
    outputs: model.graph.output.map((info) => toPort(info, source)),
  };
}

function toPort({ name, type }: OnnxValueInfo, source: string): Port {
  const tensor = type?.tensorType;
  const [element] =
    (Object.entries(ELEMENT_TYPES) as [ElementName, number][]).find(([, id]) => id === tensor?.elemType) ??
    [];
  if (!element || !tensor?.shape) {
    throw new WeightsError(
      `expected a tensor of known rank and type for ${name} in ${source}, found none; export the model with shapes`,
    );
  }
  return { name, type: element, shape: tensor.shape.dim.map(extentOf) };
}

/** Some exporters write −1 or 0 for an extent that is open. */
function extentOf({ dimValue = 0 }: OnnxDimension): number | null {
  return dimValue > 0 ? dimValue : null;
}

function isImages(port: Port): boolean {
  return port.type === 'float32' && port.shape.length === 4;
}

/** Equal where both are known. */
function agree(a: readonly (number | null)[], b: readonly (number | null)[]): boolean {
  return a.every((extent, i) => extent === b[i] || extent === null || b[i] === null);
}

function unfit(
  source: string,
  expected: string,
  inputs: readonly Port[],
  outputs: readonly Port[],
): WeightsError {
  const list = (ports: readonly Port[]) =>
    ports
      .map(({ name, type, shape }) => `${name} ${type} [${shape.map((extent) => extent ?? '?')}]`)
      .join(', ');
  return new WeightsError(
    `expected ${expected} in ${source}, found (${list(inputs)}) → (${list(outputs)}); export it with this signature`,
  );
}
