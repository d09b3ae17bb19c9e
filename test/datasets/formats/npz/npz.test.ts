import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { openDataset } from '../../../../src/datasets/open.ts';
import { openWriter } from '../../../../src/datasets/writer.ts';
import { python, pythonHas } from '../../../support/python.ts';
import { pixelsOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 6, 5] as const;

let path: string;
beforeEach(() => {
  path = join(temporaryFolder(), 'set.npz');
});

/** An array as the format's description says, without this project's code. */
function npy(type: string, shape: readonly number[], data: Uint8Array, order = 'False'): Buffer {
  const text = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${shape.join(', ')},), }`;
  const header = Buffer.from(`${text.padEnd(117)}\n`);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, header, data]);
}

async function zip(members: Readonly<Record<string, Uint8Array>>, compress = false): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, bytes] of Object.entries(members)) {
    archive.addBuffer(Buffer.from(bytes), `${name}.npy`, { compress });
  }
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const planar = Buffer.concat([0, 1, 2].map((i) => pixelsOf(i, SHAPE)));
const images = npy('|u1', [3, ...SHAPE], planar);
const labels = npy('|u1', [3], Uint8Array.of(2, 0, 4));

test.each([[false], [true]])('[N, C, H, W]; compressed: %s', async (compress) => {
  writeFileSync(path, await zip({ labels, images, other: labels }, compress));
  const dataset = await openDataset(path);
  expect(dataset.info).toEqual({ name: 'set', format: 'npz', classes: 5, shape: SHAPE });
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples).toEqual(
    [2, 0, 4].map((label, i) => ({ id: `0000${i}`, label, pixels: pixelsOf(i, SHAPE), shape: SHAPE })),
  );
});

test.each([
  ['<i8', [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]],
  ['>i4', [0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 1, 0]],
  ['<u2', [2, 0, 1, 0, 0, 1]],
])('labels of %s', async (type, bytes) => {
  writeFileSync(path, await zip({ images, labels: npy(type, [3], Uint8Array.from(bytes)) }));
  const { samples } = await readAll(await openDataset(path));
  expect(samples.map((sample) => sample.label)).toEqual([2, 1, 256]);
});

test('a negative label is set aside', async () => {
  writeFileSync(path, await zip({ images, labels: npy('|i1', [3], Uint8Array.of(1, 255, 0)) }));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.map((sample) => sample.label)).toEqual([1, 0]);
  expect(bad[0]!.message).toMatch(/expected a label from 0 to 1, found -1 at sample 00001/);
});

test.each([
  ['MedMNIST', ['train_images', 'train_labels']],
  ['Keras', ['x_train', 'y_train']],
  ['scikit-learn', ['X_train', 'y_train']],
  ['arrays without names', ['arr_0', 'arr_1']],
  ['arrays without names, labels first', ['arr_1', 'arr_0']],
])('the names of %s', async (_, [first, second]) => {
  const column = npy('|u1', [3, 1], Uint8Array.of(2, 0, 4));
  writeFileSync(path, await zip({ [first!]: images, [second!]: column }));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(bad).toEqual([]);
  expect(samples.map(({ label }) => label)).toEqual([2, 0, 4]);
});

test('of several parts the training set is read, and the others are named', async () => {
  const warnings: string[] = [];
  const test = npy('|u1', [1, ...SHAPE], pixelsOf(7, SHAPE));
  const members = { test_images: test, test_labels: npy('|u1', [1], Uint8Array.of(9)) };
  writeFileSync(path, await zip({ ...members, train_images: images, train_labels: labels, x: labels }));
  const dataset = await openDataset(path, { warn: (message) => warnings.push(message) });
  expect((await readAll(dataset)).samples).toHaveLength(3);
  expect(warnings).toEqual([
    `${path} holds test_images beside train_images: only train_images and train_labels are read`,
  ]);
});

test('a header that repeats itself is looked at once, not in all ways', async () => {
  const text = "'descr': ''".repeat(400) + "'fortran_order': True".repeat(230);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const hostile = Buffer.concat([Buffer.from('\x93NUMPY\x02\x00', 'latin1'), length, Buffer.from(text)]);
  writeFileSync(path, await zip({ labels: hostile, images: hostile }));
  const begun = performance.now();
  await expect(openDataset(path)).rejects.toThrow(/expected an array of numbers or text/);
  expect(performance.now() - begun).toBeLessThan(500);
});

describe('broken archives', () => {
  test.each([
    ['no images', { labels }, /expected an array "images" in .*, found: labels/],
    ['no labels', { images }, /expected an array "labels" in .*, found: images/],
    [
      'other counts',
      { images, labels: npy('|u1', [2], Uint8Array.of(1, 2)) },
      /found 3 images and labels of \[2\]/,
    ],
    [
      'float images',
      { images: npy('<f4', [3, 3, 6, 5], planar), labels },
      /expected images of uint8 .* found <f4/,
    ],
    [
      'float labels',
      { images, labels: npy('<f8', [3], Buffer.alloc(24)) },
      /labels of whole numbers, found <f8/,
    ],
    [
      'Fortran order',
      { images: npy('|u1', [3, 3, 6, 5], planar, 'True'), labels },
      /numpy.ascontiguousarray/,
    ],
    [
      'flat images',
      { images: npy('|u1', [3, 90], planar), labels },
      /3 or 4 dimensions, found \|u1 of \[3,90\]/,
    ],
    ['objects', { images: npy('|O', [3], planar), labels }, /found \|O of \[3\]/],
    [
      'no array',
      { images: Buffer.from('not an array'), labels },
      /expected an array that begins with 93 NUMPY/,
    ],
    [
      'giants',
      { images: npy('|u1', [3, 1e5, 1e5], planar), labels },
      /at most 134217728 pixels, found 100000×/,
    ],
  ] as const)('%s', async (_, members, message) => {
    writeFileSync(path, await zip(members));
    const read = async () => readAll(await openDataset(path, { classes: 9 }));
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toMatchObject({ code: 'dataset' });
  });

  test('a file that was cut off has no directory', async () => {
    writeFileSync(path, (await zip({ images, labels })).subarray(0, 400));
    await expect(openDataset(path)).rejects.toThrow(/expected a whole zip archive of arrays in .*; save it/);
  });

  test('an array that ends too early: what is whole is read', async () => {
    writeFileSync(path, await zip({ images: npy('|u1', [3, ...SHAPE], planar.subarray(0, 200)), labels }));
    const { samples, bad } = await readAll(await openDataset(path));
    expect(samples.length).toBe(2);
    expect(bad).toMatchObject([{ source: `${path}!images.npy`, offset: 128 + 180 }]);
    expect(bad[0]!.message).toMatch(/samples 00002 to 00002 are lost/);
  });

  test('bytes that are not those of the checksum', async () => {
    const bytes = await zip({ images, labels });
    bytes[300]! ^= 1;
    writeFileSync(path, bytes);
    const { samples, bad } = await readAll(await openDataset(path));
    expect(samples.length).toBe(3);
    expect(bad[0]!.message).toMatch(/expected the bytes of the checksum, found others/);
  });
});

async function write(target: string, shape: readonly [1 | 3, number, number], name: string): Promise<void> {
  const writer = await openWriter(target, { format: 'npz', classes: 9, shape });
  for (const i of [0, 1]) {
    await writer.write({ id: `${name}${i}`, label: 8 * i, pixels: pixelsOf(i, shape), shape });
  }
  expect(await writer.close()).toBe(2);
}

test('one file as output, with ids; equal samples give equal bytes', async () => {
  await write(path, SHAPE, 'ü/');
  const { samples } = await readAll(await openDataset(path));
  expect(samples.map(({ id, label }) => [id, label])).toEqual([
    ['ü/0', 0],
    ['ü/1', 8],
  ]);
  const first = readFileSync(path);
  await write(`${path}2.npz`, SHAPE, 'ü/');
  expect(readFileSync(`${path}2.npz`).equals(first)).toBe(true);
});

const numpy = test.skipIf(!pythonHas('numpy'));

numpy.each([
  [3, '(2, 6, 5, 3)'],
  [1, '(2, 6, 5)'],
] as const)('numpy reads what is written, %i channels', async (channels, expected) => {
  const shape = [channels, 6, 5] as const;
  await write(path, shape, 'x');
  const program = `
import sys, json, numpy
with numpy.load(sys.argv[1]) as a:
    images = a["images"]
    flat = images.transpose(0, 3, 1, 2) if images.ndim == 4 else images
    print(json.dumps([str(images.shape), a["labels"].tolist(), [i.decode() for i in a["ids"]], flat.ravel().tolist()]))`;
  expect(JSON.parse(python(program, path))).toEqual([
    expected,
    [0, 8],
    ['x0', 'x1'],
    [...pixelsOf(0, shape), ...pixelsOf(1, shape)],
  ]);
});

numpy.each([['savez'], ['savez_compressed']])('what numpy.%s writes is read', async (save) => {
  const program = `
import sys, numpy
images = numpy.arange(2 * 4 * 7 * 3, dtype=numpy.uint8).reshape(2, 4, 7, 3)
numpy.${save}(sys.argv[1], images=images, labels=numpy.array([3, 1]), ids=numpy.array(["é", "long"]))`;
  python(program, path);
  const { samples } = await readAll(await openDataset(path));
  expect(samples.map(({ id, label, shape }) => [id, label, shape])).toEqual([
    ['é', 3, [3, 4, 7]],
    ['long', 1, [3, 4, 7]],
  ]);
  expect([...samples[0]!.pixels.subarray(28, 31)]).toEqual([1, 4, 7]);
});
