// Models written byte by byte, with a tensor in another file at every place where one may stand.

import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import {
  encodeModel,
  model,
  node,
  tensor,
  tensorAttribute,
  valueInfo,
} from '../../src/weights/onnx-proto.ts';
import { classifierSignature } from '../../src/weights/onnx-signature.ts';
import { surveyModel } from '../../src/weights/onnx-survey.ts';

/** A length-delimited field. */
function part(id: number, ...parts: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([
    protobuf.Writer.create()
      .uint32((id << 3) | 2)
      .uint32(bytes.length)
      .finish(),
    bytes,
  ]);
}

const name = part(8, Buffer.from('far'));
// data_location: EXTERNAL
const far = Buffer.concat([name, Buffer.from([14 << 3, 1])]);
const near = Buffer.concat([name, Buffer.from([14 << 3, 0])]);

/** Where a tensor may stand in a model, by field numbers of onnx.proto from the outside to the tensor. */
const PLACES: readonly (readonly [string, readonly number[]])[] = [
  ['an initializer', [7, 5]],
  ['a sparse initializer, values', [7, 15, 1]],
  ['a sparse initializer, indices', [7, 15, 2]],
  ['a constant', [7, 1, 5, 5]],
  ['a sparse constant', [7, 1, 5, 22, 1]],
  ['a list of tensors', [7, 1, 5, 10]],
  ['a list of sparse tensors', [7, 1, 5, 23, 2]],
  ['an initializer of a branch', [7, 1, 5, 6, 5]],
  ['a constant in one of several bodies', [7, 1, 5, 11, 1, 5, 5]],
  ['a branch in a loop in a branch', [7, 1, 5, 6, 1, 5, 6, 1, 5, 6, 5]],
  ['a function', [25, 7, 5, 5]],
  ['a default of a function', [25, 11, 5]],
  ['training', [20, 2, 5]],
];

const wrapped = (path: readonly number[], bytes: Uint8Array) =>
  path.toReversed().reduce<Uint8Array>((inner, id) => part(id, inner), bytes);

describe('surveyModel', () => {
  it.each(PLACES)('refuses a tensor in another file: %s', (_, path) => {
    expect(() => surveyModel(wrapped(path, far), 'm.onnx')).toThrow(
      'expected all weights inside m.onnx, found far in a file beside it; save the model as one file',
    );
    expect(() => surveyModel(wrapped(path, near), 'm.onnx')).not.toThrow();
  });

  it('refuses more parts than a network has, and too many in each other', () => {
    const nodes = Buffer.alloc(2 * (2 ** 21 + 1));
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = (1 << 3) | 2;
    expect(() => surveyModel(part(7, nodes), 'm.onnx')).toThrow(/more than 2097152 parts/);
    let nested: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 60; i++) nested = part(1, part(5, part(6, nested)));
    expect(() => surveyModel(part(7, nested), 'm.onnx')).toThrow(/more than 100 parts in each other/);
  });

  it('refuses what is no protocol buffer', () => {
    for (const bytes of [
      Buffer.from([0x3a, 0x7f]),
      Buffer.from([0x3a, 2, 0x0a, 9]),
      Buffer.from('PK\x03\x04 no model'),
    ]) {
      expect(() => surveyModel(bytes, 'm.onnx')).toThrow(WeightsError);
    }
  });
});

it('a foreign model with constants inside is taken, one with a constant outside refused', () => {
  const x = valueInfo('x', ['n', 3, 8, 8]);
  const constant = tensorAttribute('value', tensor('w', [1], Float32Array.of(1)));
  const graph = {
    name: 'm',
    node: [node('Constant', [], ['c'], [constant]), node('Identity', ['x'], ['logits'])],
    initializer: [],
    input: [x],
    output: [valueInfo('logits', ['n', 4])],
  };
  expect(classifierSignature(encodeModel(model(graph, 17)), 'c.onnx').logits.name).toBe('logits');
  const outside = tensorAttribute('value', { name: 'w', dims: [1], dataType: 1, dataLocation: 1 });
  const refused = { ...graph, node: [node('Constant', [], ['c'], [outside]), graph.node[1]!] };
  expect(() => classifierSignature(encodeModel(model(refused, 17)), 'c.onnx')).toThrow(
    /w in a file beside it/,
  );
});
