// A look at an ONNX file before it is decoded, part by part on the wire: where any tensor lies in another file, and
// whether the parts are more than a network can have, since two bytes can make an object of hundreds. Tensors stand not
// only among the initializers but in constants, sparse ones too, in the branches and bodies of If, Loop and Scan, in
// functions and in what a model says of its training.

import protobuf from 'protobufjs/light.js';
import { WeightsError } from '../errors.ts';

/** Large language models have some hundred thousand. */
const MOST_PARTS = 2 ** 21;
const MOST_NESTED = 100;
/** Fields of `TensorProto`. */
export const TENSOR = { dims: 1, type: 2, name: 8, external: 13, location: 14 } as const;
/** `TensorProto.DataLocation.EXTERNAL`. */
export const EXTERNAL = 1;
const LENGTH_DELIMITED = 2;
/** Tags of the fields of an extent: its number and its name. */
const EXTENT = { value: 0x08, param: 0x12 } as const;

export type Kind = keyof typeof PARTS;

/** What may stand in what, by the numbers of fields in onnx.proto. */
export const PARTS = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute', 12: 'value' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
  value: { 2: 'type' },
  type: { 1: 'tensorType' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'dimension' },
  dimension: {},
} as const;

/**
 * Looks a model over.
 *
 * @param source file name for errors
 * @throws {WeightsError} when a tensor lies in another file, there are too many parts, or it is no protocol buffer
 */
export function surveyModel(bytes: Uint8Array, source: string): void {
  const external = externalTensor(bytes, source);
  if (external === undefined) return;
  throw new WeightsError(
    `expected all weights inside ${source}, found ${external || 'a tensor'} in a file beside it; save the model as one file`,
  );
}

/**
 * The name of a tensor that lies in another file; undefined where there is none.
 *
 * @throws {WeightsError} when there are too many parts, or it is no protocol buffer
 */
export function externalTensor(bytes: Uint8Array, source: string): string | undefined {
  return surveyed(bytes, source).external;
}

/**
 * Leaves open in place what some exporters write as an extent of 0, which the runtime would take for no images at all.
 *
 * @throws {WeightsError} as `externalTensor`
 */
export function openZeroExtents(bytes: Uint8Array, source: string): void {
  // an empty name of the extent takes as many bytes as its value of 0
  for (const at of surveyed(bytes, source).zeroExtents) bytes[at] = EXTENT.param;
}

function surveyed(bytes: Uint8Array, source: string): Survey {
  const survey = new Survey(bytes);
  try {
    survey.look('model', bytes.length, 0);
  } catch (cause) {
    throw new WeightsError(
      `expected an ONNX model in ${source}, found ${bytes.length} bytes that are none (${(cause as Error).message}); export it again`,
      { cause },
    );
  }
  return survey;
}

class Survey {
  /** Name of a tensor whose data lie elsewhere. */
  external: string | undefined;
  /** Where extents of 0 stand. */
  readonly zeroExtents: number[] = [];
  readonly #bytes: Uint8Array;
  readonly #reader: protobuf.Reader;
  #parts = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#reader = protobuf.Reader.create(bytes);
  }

  look(kind: Kind, end: number, depth: number): void {
    if (depth > MOST_NESTED) throw new Error(`more than ${MOST_NESTED} parts in each other`);
    const reader = this.#reader;
    const parts: Readonly<Record<number, Kind>> = PARTS[kind];
    let name = '';
    let elsewhere = false;
    while (reader.pos < end) {
      const begin = reader.pos;
      const tag = reader.uint32();
      const [field, wire] = [tag >>> 3, tag & 7];
      if (wire === LENGTH_DELIMITED && ++this.#parts > MOST_PARTS)
        throw new Error(`more than ${MOST_PARTS} parts`);
      const part = wire === LENGTH_DELIMITED ? parts[field] : undefined;
      if (part) this.look(part, this.#endOfPart(end), depth + 1);
      else if (kind === 'tensor' && field === TENSOR.name && wire === LENGTH_DELIMITED)
        name = reader.string();
      else if (kind === 'tensor' && field === TENSOR.location && wire === 0)
        elsewhere ||= reader.int32() === EXTERNAL;
      else {
        const isZero = this.#bytes[begin] === EXTENT.value && this.#bytes[begin + 1] === 0;
        if (kind === 'dimension' && isZero) this.zeroExtents.push(begin);
        reader.skipType(wire);
      }
    }
    if (reader.pos !== end) throw new Error('a part that ends behind what holds it');
    if (elsewhere) this.external ??= name;
  }

  #endOfPart(end: number): number {
    const length = this.#reader.uint32();
    if (this.#reader.pos + length > end) throw new Error('a part longer than what holds it');
    return this.#reader.pos + length;
  }
}
