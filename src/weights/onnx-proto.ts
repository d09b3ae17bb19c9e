// Writes and reads ONNX files: `encodeModel`, `decodeModel`, and small builders for what goes into a model.
// Weights are appended as they lie in memory, one copy each into the final buffer, because protobufjs alone
// would grow and shift its buffer several times over the 143 MB of a CIFAR-10 UNet.

import protobuf from 'protobufjs/light.js';
import { WeightsError } from '../errors.ts';
import type {
  OnnxAttribute,
  OnnxDimension,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from './onnx-schema.ts';
import { ATTRIBUTE_TYPES, ELEMENT_TYPES, GraphProto, ModelProto, TensorProto } from './onnx-schema.ts';

/** Protocol buffers, and so ONNX files, end at 2 GiB. */
const MAX_BYTES = 2 ** 31 - 1;

/** Typed arrays that can become a tensor; little-endian, as on every machine that Node.js runs on but s390x. */
export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** An integer attribute such as `group`. */
export function int(name: string, value: number): OnnxAttribute {
  return { name, type: ATTRIBUTE_TYPES.int, i: value };
}

/** A list of integers such as `pads`. */
export function ints(name: string, values: readonly number[]): OnnxAttribute {
  return { name, type: ATTRIBUTE_TYPES.ints, ints: values };
}

/** A float32 attribute such as `epsilon`. */
export function float(name: string, value: number): OnnxAttribute {
  return { name, type: ATTRIBUTE_TYPES.float, f: value };
}

/** A string attribute such as `mode`. */
export function text(name: string, value: string): OnnxAttribute {
  return { name, type: ATTRIBUTE_TYPES.string, s: Buffer.from(value) };
}

/** A tensor attribute such as `value` of Constant. */
export function tensorAttribute(name: string, value: OnnxTensor): OnnxAttribute {
  return { name, type: ATTRIBUTE_TYPES.tensor, t: value };
}

/** One operator of the default domain. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attribute: readonly OnnxAttribute[] = [],
): OnnxNode {
  return { opType, input, output, attribute, name: `${opType}:${output[0]}` };
}

/**
 * A tensor over the caller's memory (not copied until `encodeModel`).
 *
 * @param dims extents, row-major; `[]` for a scalar
 * @throws {WeightsError} when `data` has another number of elements than `dims`
 */
export function tensor(name: string, dims: readonly number[], data: TensorData): OnnxTensor {
  const size = dims.reduce((product, extent) => product * extent, 1);
  if (data.length !== size) {
    throw new WeightsError(
      `expected ${size} values for tensor ${name} of [${dims}], found ${data.length}; pass data of that shape`,
    );
  }
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims, dataType: elementTypeOf(data), rawData };
}

/** Name, element type and shape of an input or output; a string is a symbolic extent such as `batch`. */
export function valueInfo(
  name: string,
  shape: readonly (number | string)[],
  elementType: keyof typeof ELEMENT_TYPES = 'float32',
): OnnxValueInfo {
  const dim = shape.map(
    (extent): OnnxDimension => (typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent }),
  );
  return { name, type: { tensorType: { elemType: ELEMENT_TYPES[elementType], shape: { dim } } } };
}

/**
 * A model around a graph, using the default operator set.
 *
 * @param opset version of the default operator set
 * @param metadata strings kept in the file for whoever reads it
 * @param domains further operator sets, version 1 of each
 */
export function model(
  graph: OnnxGraph,
  opset: number,
  metadata: Readonly<Record<string, string>> = {},
  domains: readonly string[] = [],
): OnnxModel {
  const metadataProps = Object.entries(metadata).map(([key, value]) => ({ key, value }));
  return {
    irVersion: 8,
    producerName: 'dataelixir',
    graph,
    opsetImport: [{ version: opset }, ...domains.map((domain) => ({ domain, version: 1 }))],
    metadataProps,
  };
}

/**
 * The bytes of a model file.
 *
 * @throws {WeightsError} above 2 GiB
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const { graph, ...head } = model;
  const { initializer, ...body } = graph;
  const parts = [
    ModelProto.encode(head).finish(),
    ...field(7, [GraphProto.encode(body).finish(), ...initializer.flatMap(encodeInitializer)]),
  ];
  return Buffer.concat(parts);
}

/**
 * Reads a model file. Tensors' `rawData` are views of `bytes`. Fields outside `onnx-schema.ts` are skipped,
 * so a foreign model is not to be written again from the result.
 *
 * @param source what to call the file in an error
 * @throws {WeightsError} when `bytes` is not an ONNX model
 */
export function decodeModel(bytes: Uint8Array, source: string): OnnxModel {
  try {
    const reader = protobuf.Reader.create(bytes);
    reader.discardUnknown = true;
    const options = { longs: Number, arrays: true };
    const model = ModelProto.toObject(ModelProto.decode(reader), options) as Partial<OnnxModel>;
    if (model.graph && model.graph.output.length > 0) return model as OnnxModel;
  } catch (cause) {
    throw new WeightsError(
      `expected an ONNX model in ${source}, found ${bytes.length} bytes that are none (${(cause as Error).message}); export it again`,
      { cause },
    );
  }
  throw new WeightsError(
    `expected an ONNX model with outputs in ${source}, found no graph with outputs; export it again`,
  );
}

/** A field of `GraphProto.initializer`, with the data left where it is. */
function encodeInitializer(tensor: OnnxTensor): Uint8Array[] {
  const { rawData, ...head } = tensor;
  return field(5, [TensorProto.encode(head).finish(), ...field(9, [rawData ?? new Uint8Array(0)])]);
}

/** A length-delimited field: tag, length, then `parts`. */
function field(id: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  if (length > MAX_BYTES) {
    throw new WeightsError(
      `expected an ONNX model below 2 GiB, found ${length} bytes; write safetensors instead`,
    );
  }
  return [
    protobuf.Writer.create()
      .uint32((id << 3) | 2)
      .uint32(length)
      .finish(),
    ...parts,
  ];
}

function elementTypeOf(data: TensorData): number {
  if (data instanceof Float32Array) return ELEMENT_TYPES.float32;
  if (data instanceof BigInt64Array) return ELEMENT_TYPES.int64;
  return data instanceof Int32Array ? ELEMENT_TYPES.int32 : ELEMENT_TYPES.uint8;
}
