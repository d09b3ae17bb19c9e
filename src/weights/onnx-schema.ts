// The part of the public ONNX schema (github.com/onnx/onnx, onnx.proto, proto2) that this project writes and
// reads: the messages as TypeScript types and as a protobufjs descriptor. Fields that are not listed here are
// skipped when reading. Only the field numbers and types go on the wire, so names are in camel case.

import protobuf from 'protobufjs/light.js';

/** Element types of `TensorProto.DataType`, by the names that the specification gives them. */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
} as const;

/** `AttributeProto.AttributeType`. */
export const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** A constant or a weight; `rawData` is little-endian, row-major. */
export interface OnnxTensor {
  readonly name?: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData?: Uint8Array;
  /** 1 when the data lies in another file. */
  readonly dataLocation?: number;
}

/** A named argument of a node; `type` is one of {@link ATTRIBUTE_TYPES} and says which field is set. */
export interface OnnxAttribute {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: OnnxTensor;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
}

/** One operator application; an empty input name stands for an optional input left out. */
export interface OnnxNode {
  readonly opType: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttribute[];
  readonly name?: string;
  readonly domain?: string;
}

/** An extent: a number, or a name for one that changes from run to run; neither when unknown. */
export interface OnnxDimension {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

/** Name and type of a graph's input or output. No `tensorType`: a sequence, map or optional. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly type?: {
    readonly tensorType?: {
      readonly elemType: number;
      readonly shape?: { readonly dim: readonly OnnxDimension[] };
    };
  };
}

export interface OnnxGraph {
  readonly name: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly OnnxValueInfo[];
  readonly output: readonly OnnxValueInfo[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly graph: OnnxGraph;
  readonly opsetImport: readonly { readonly domain?: string; readonly version: number }[];
  readonly metadataProps?: readonly { readonly key: string; readonly value: string }[];
}

const one = (id: number, type: string) => ({ id, type });
const many = (id: number, type: string) => ({ id, type, rule: 'repeated' });
const packed = (id: number, type: string) => ({ id, type, rule: 'repeated', options: { packed: true } });

// Without `edition`, protobufjs takes proto3 and leaves out zeros: an attribute of 0 would have no value at all.
const message = (fields: protobuf.IType['fields']) => ({ edition: 'proto2', fields });

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({
      irVersion: one(1, 'int64'),
      producerName: one(2, 'string'),
      producerVersion: one(3, 'string'),
      graph: one(7, 'GraphProto'),
      opsetImport: many(8, 'OperatorSetIdProto'),
      metadataProps: many(14, 'StringStringEntryProto'),
    }),
    OperatorSetIdProto: message({ domain: one(1, 'string'), version: one(2, 'int64') }),
    StringStringEntryProto: message({ key: one(1, 'string'), value: one(2, 'string') }),
    GraphProto: message({
      node: many(1, 'NodeProto'),
      name: one(2, 'string'),
      initializer: many(5, 'TensorProto'),
      input: many(11, 'ValueInfoProto'),
      output: many(12, 'ValueInfoProto'),
    }),
    NodeProto: message({
      input: many(1, 'string'),
      output: many(2, 'string'),
      name: one(3, 'string'),
      opType: one(4, 'string'),
      attribute: many(5, 'AttributeProto'),
      domain: one(7, 'string'),
    }),
    AttributeProto: message({
      name: one(1, 'string'),
      f: one(2, 'float'),
      i: one(3, 'int64'),
      s: one(4, 'bytes'),
      t: one(5, 'TensorProto'),
      floats: many(7, 'float'),
      ints: many(8, 'int64'),
      type: one(20, 'int32'),
    }),
    TensorProto: message({
      dims: packed(1, 'int64'),
      dataType: one(2, 'int32'),
      name: one(8, 'string'),
      rawData: one(9, 'bytes'),
      dataLocation: one(14, 'int32'),
    }),
    ValueInfoProto: message({ name: one(1, 'string'), type: one(2, 'TypeProto') }),
    TypeProto: message({ tensorType: one(1, 'TensorTypeProto') }),
    TensorTypeProto: message({ elemType: one(1, 'int32'), shape: one(2, 'TensorShapeProto') }),
    TensorShapeProto: message({ dim: many(1, 'DimensionProto') }),
    DimensionProto: message({ dimValue: one(1, 'int64'), dimParam: one(2, 'string') }),
  },
});

export const ModelProto = root.lookupType('ModelProto');
export const GraphProto = root.lookupType('GraphProto');
export const TensorProto = root.lookupType('TensorProto');
