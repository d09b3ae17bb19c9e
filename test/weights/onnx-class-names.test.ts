import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportOnnx } from '../../src/runtime/export-onnx.ts';
import { initialWeights } from '../../src/training/steps/initial-weights.ts';
import { classNamesInModel } from '../../src/weights/onnx-class-names.ts';
import { temporaryFolder } from '../datasets/make.ts';

const SPEC = { kind: 'small-cnn', config: { shape: [1, 4, 4], classes: 3, widths: [4] } } as const;

async function namesIn(bytes: Uint8Array) {
  const path = join(temporaryFolder(), 'model.onnx');
  writeFileSync(path, bytes);
  return classNamesInModel(path);
}

/** A field of ModelProto with a name and a value in it. */
function entry(key: string, value: string): Buffer {
  const text = (field: number, content: string) =>
    Buffer.concat([Buffer.from([(field << 3) | 2, content.length]), Buffer.from(content)]);
  const body = Buffer.concat([text(1, key), text(2, value)]);
  return Buffer.concat([Buffer.from([(14 << 3) | 2, body.length]), body]);
}

test('what was written is read, also behind weights; a model without names has none', async () => {
  const weights = initialWeights(SPEC, 1);
  const classNames = ['ant', 'bee, "the" bee', 'čáp'];
  expect(await namesIn(exportOnnx(SPEC, weights, { classNames }))).toEqual(classNames);
  expect(await namesIn(exportOnnx(SPEC, weights))).toBeUndefined();
});

test.each([
  ['no list', entry('classNames', '{"0":"a"}')],
  ['no texts', entry('classNames', '[1,2]')],
  ['no JSON', entry('classNames', 'a,b')],
  ['another key', entry('names', '["a"]')],
  ['an end too soon', Buffer.from([(14 << 3) | 2, 100, 1])],
  ['an unknown wire type', Buffer.from([0x0f, 0x0f])],
  ['a varint without an end', Buffer.alloc(30, 0xff)],
  ['a length without an end', Buffer.from([(14 << 3) | 2, 3, 0x0a, 0xff, 0xff])],
  [
    'a length of more than 32 bits',
    Buffer.concat([Buffer.from([(14 << 3) | 2, 12, 0x0a]), Buffer.alloc(11, 0xff)]),
  ],
  ['groups in groups', Buffer.alloc(5000, 0x0b)],
])('%s tells nothing', async (_, bytes) => {
  expect(await namesIn(Buffer.concat([Buffer.from([0x08, 8]), bytes]))).toBeUndefined();
});

test('other fields are passed over, other files say nothing', async () => {
  const before = Buffer.from([0x08, 8, 0x12, 1, 0x61, 0x28, 0xff, 0x01]);
  expect(await namesIn(Buffer.concat([before, entry('a', 'b'), entry('classNames', '["x"]')]))).toEqual([
    'x',
  ]);
  expect(await namesIn(Buffer.from('PK'))).toBeUndefined();
  expect(await namesIn(Buffer.alloc(0))).toBeUndefined();
});
