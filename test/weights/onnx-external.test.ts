// Models whose weights lie in a file beside them, written byte by byte.

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { openForeignClassifier } from '../../src/runtime/foreign-model.ts';
import { loadClassifierWeights } from '../../src/weights/load-weights.ts';
import { encodeModel, model, node, tensor, valueInfo } from '../../src/weights/onnx-proto.ts';
import { temporaryFolder } from './temporary.ts';

const SHAPE = [1, 2, 2] as const;

function part(id: number, ...parts: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  const head = protobuf.Writer.create()
    .uint32((id << 3) | 2)
    .uint32(bytes.length)
    .finish();
  return Buffer.concat([head, bytes]);
}

const says = (entries: Readonly<Record<string, string>>) =>
  Object.entries(entries).map(([key, value]) =>
    part(13, part(1, Buffer.from(key)), part(2, Buffer.from(value))),
  );

/** Sums of the pixels times each weight: [N, 1, 2, 2] → [N, 2]; the weights [4, 2] lie elsewhere. */
function classifier(batch: string | number, where: Readonly<Record<string, string>>): Buffer {
  const graph = {
    name: 'm',
    node: [node('Flatten', ['x'], ['flat']), node('MatMul', ['flat', 'w'], ['logits'])],
    initializer: [] as const,
    input: [valueInfo('x', [batch, ...SHAPE])],
    output: [valueInfo('logits', [batch, 2])],
  };
  const weight = Buffer.concat([
    ...[Buffer.from([1 << 3, 4, 1 << 3, 2, 2 << 3, 1]), part(8, Buffer.from('w'))],
    ...says(where),
    Buffer.from([14 << 3, 1]),
  ]);
  // a second graph is merged with the first
  return Buffer.concat([encodeModel(model(graph, 17)), part(7, part(5, weight))]);
}

const WEIGHTS = Float32Array.of(9, 9, 1, 0, 1, 0, 0, 2, 0, 2);
const HERE = { location: 'm.onnx.data', offset: '8', length: '32' };

async function saved(bytes: Uint8Array, data?: Uint8Array): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'm.onnx'), bytes);
  if (data) await writeFile(join(folder, 'm.onnx.data'), data);
  return join(folder, 'm.onnx');
}

async function probabilities(path: string): Promise<number[]> {
  const found = await loadClassifierWeights(path);
  if (found.kind !== 'onnx') throw new Error('expected ONNX');
  const opened = await openForeignClassifier({ ...found, id: path }, SHAPE, 'cpu');
  const run = await opened.run(Float32Array.of(1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0));
  await opened.dispose();
  return [...run.features];
}

const EXPECTED = [2, 0, 0, 4, 1, 0];
const data = new Uint8Array(WEIGHTS.buffer);

describe('a model with weights in a file beside it', () => {
  it.each([
    ['an open batch', 'n'],
    ['a batch of 1', 1],
    ['a batch of 0', 0],
    ['a batch of -1', -1],
  ])('runs with %s', async (_, batch) => {
    expect(await probabilities(await saved(classifier(batch, HERE), data))).toEqual(EXPECTED);
  });

  it.each([
    ['a folder', { ...HERE, location: 'a/m.onnx.data' }, /weights in a file beside it .* found w at/],
    ['a path', { ...HERE, location: '/etc/passwd' }, /weights in a file beside it/],
    ['the folder above', { ...HERE, location: '..' }, /weights in a file beside it/],
    ['nowhere', { offset: '0' }, /weights in a file beside it/],
    ['a file that is not there', { ...HERE, location: 'other' }, /expected a weight file at .*other/],
    ['a folder by name', { ...HERE, location: 'folder' }, /not a regular file/],
    ['a device', { ...HERE, location: 'device' }, /not a regular file/],
    ['behind the end', { ...HERE, offset: '12' }, /found its end at 40/],
    ['more bytes than the shape', { ...HERE, length: '40' }, /expected 32 bytes of w \[4,2\]/],
    ['no number', { ...HERE, offset: 'x' }, /found 32 at NaN/],
  ])('is refused where that is %s', async (_, where, message) => {
    const path = await saved(classifier('n', where), data);
    await mkdir(join(path, '../folder'));
    await symlink('/dev/zero', join(path, '../device'));
    const loading = loadClassifierWeights(path);
    await expect(loading).rejects.toThrow(WeightsError);
    await expect(loading).rejects.toThrow(message);
  });
});

it.each([
  ['a list of extents that ends in the middle of one', part(1, Buffer.from([0x80]))],
  ['an entry that is no message', part(13, Buffer.from([0x0f]))],
  ['an entry with a text beyond its end', part(13, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07]))],
])('a model is refused that says where its weights lie in %s', async (_, damage) => {
  const weight = Buffer.concat([damage, part(8, Buffer.from('w')), ...says(HERE), Buffer.from([14 << 3, 1])]);
  const path = await saved(Buffer.concat([classifier('n', HERE), part(7, part(5, weight))]), data);
  const loading = loadClassifierWeights(path);
  await expect(loading).rejects.toThrow(WeightsError);
  await expect(loading).rejects.toThrow(/expected the place of its weights for .*m\.onnx, found none/);
});

it('what a model refuses when it runs is a fault of its file', async () => {
  const w = tensor('w', [3, 2], new Float32Array(6));
  const graph = {
    name: 'm',
    node: [node('Flatten', ['x'], ['flat']), node('MatMul', ['flat', 'w'], ['logits'])],
    initializer: [w],
    input: [valueInfo('x', ['n', 'c', 'h', 'w'])],
    output: [valueInfo('logits', ['n', 2])],
  };
  const path = await saved(encodeModel(model(graph, 17)));
  await expect(probabilities(path)).rejects.toThrow(WeightsError);
  await expect(probabilities(path)).rejects.toThrow(/m\.onnx to run on images of \[1,2,2\]/);
});
