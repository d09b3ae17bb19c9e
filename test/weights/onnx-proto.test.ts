import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import {
  decodeModel,
  encodeModel,
  float,
  int,
  ints,
  model,
  node,
  tensor,
  tensorAttribute,
  text,
  valueInfo,
} from '../../src/weights/onnx-proto.ts';
import type { OnnxModel } from '../../src/weights/onnx-schema.ts';

/** y = resize2x(conv(x, w, b, no padding)) with every kind of attribute and initializer. */
function tinyModel(): OnnxModel {
  const weights = Float32Array.from({ length: 2 * 1 * 2 * 2 }, (_, i) => i - 3);
  return model(
    {
      name: 'tiny',
      node: [
        node('Conv', ['x', 'w', 'b'], ['c'], [ints('pads', [0, 0, 0, 0]), int('group', 1)]),
        node('Elu', ['c'], ['e'], [float('alpha', 0)]),
        node(
          'Constant',
          [],
          ['scales'],
          [tensorAttribute('value', tensor('', [4], Float32Array.of(1, 1, 2, 2)))],
        ),
        node(
          'Resize',
          ['e', '', 'scales'],
          ['r'],
          [
            text('mode', 'nearest'),
            text('coordinate_transformation_mode', 'asymmetric'),
            text('nearest_mode', 'floor'),
          ],
        ),
        node('Reshape', ['r', 'shape'], ['y']),
      ],
      initializer: [
        tensor('w', [2, 1, 2, 2], weights),
        tensor('b', [2], Float32Array.of(0.5, 0)),
        tensor('shape', [2], BigInt64Array.of(0n, -1n)),
      ],
      input: [valueInfo('x', ['batch', 1, 2, 2])],
      output: [valueInfo('y', ['batch', 8])],
    },
    17,
    { dataelixir: '{"kind":"tiny"}' },
  );
}

describe('onnx-proto', () => {
  it('writes models that ONNX Runtime runs, with a symbolic batch', async () => {
    const session = await ort.InferenceSession.create(encodeModel(tinyModel()));
    const x = new ort.Tensor('float32', [1, 2, 3, 4, 0, 1, 0, 0], [2, 1, 2, 2]);
    const { y } = await session.run({ x });
    // [-3,-2,-1,0]·[1,2,3,4]+0.5 = -9.5 → elu(α=0) 0; [1,2,3,4]·[1,2,3,4] = 30; -2+0.5 → 0; 2
    expect(y!.dims).toEqual([2, 8]);
    expect(Array.from(y!.data as Float32Array, (v) => v + 0)).toEqual([
      0, 0, 0, 0, 30, 30, 30, 30, 0, 0, 0, 0, 2, 2, 2, 2,
    ]);
  });

  it('reads back what it wrote', () => {
    const written = tinyModel();
    const read = decodeModel(encodeModel(written), 'tiny.onnx');
    expect(read.graph.node).toHaveLength(5);
    expect(read.graph.node[0]).toMatchObject(written.graph.node[0]!);
    expect(read.graph.node[1]!.attribute[0]).toMatchObject({ name: 'alpha', f: 0 });
    expect(read.graph.initializer.map((t) => [t.name, t.dims, t.dataType])).toEqual([
      ['w', [2, 1, 2, 2], 1],
      ['b', [2], 1],
      ['shape', [2], 7],
    ]);
    expect(Buffer.from(read.graph.initializer[0]!.rawData!)).toEqual(
      Buffer.from(written.graph.initializer[0]!.rawData!),
    );
    expect(read.graph.input[0]?.type?.tensorType?.shape?.dim).toEqual([
      { dimParam: 'batch' },
      { dimValue: 1 },
      { dimValue: 2 },
      { dimValue: 2 },
    ]);
    expect(read.metadataProps).toEqual([{ key: 'dataelixir', value: '{"kind":"tiny"}' }]);
  });

  it('takes weights from shared memory and reads them back as views of the file', () => {
    const data = new Float32Array(new SharedArrayBuffer(20e6));
    data[data.length - 1] = 1.5;
    const { graph, ...head } = tinyModel();
    const bytes = encodeModel({
      ...head,
      graph: { ...graph, initializer: [tensor('w', [data.length], data)] },
    });
    expect(bytes.byteLength).toBeLessThan(data.byteLength + 2000);
    const read = decodeModel(bytes, 'big.onnx').graph.initializer[0]!.rawData!;
    expect(read.buffer).toBe(bytes.buffer);
    expect(new DataView(read.buffer, read.byteOffset).getFloat32(read.byteLength - 4, true)).toBe(1.5);
  });

  it('refuses data of another size than the shape, and files that are no model', () => {
    expect(() => tensor('w', [2, 2], new Float32Array(3))).toThrow(/expected 4 values for tensor w/);
    const bytes = encodeModel(tinyModel());
    expect(() => decodeModel(bytes.subarray(0, bytes.length - 20), 'cut.onnx')).toThrow(WeightsError);
    expect(() => decodeModel(Buffer.from('PK\x03\x04 not a model'), 'zip.onnx')).toThrow(/zip\.onnx/);
    expect(() => decodeModel(new Uint8Array(0), 'empty.onnx')).toThrow(/no graph with outputs/);
  });
});
