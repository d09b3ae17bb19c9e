import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { openDataset } from '../../src/datasets/open.ts';
import { jpegOf, pixelsOf, pngOf, ppmOf, readAll, temporaryFolder } from './make.ts';

const SHAPE = [3, 5, 4] as const;
let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

function put(name: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), bytes);
}

test('classes are the sorted folders, ids the paths', async () => {
  ['dog/b.png', 'dog/a.png', 'Zebra/1.2.png', 'cat/x.png'].forEach((name, i) => {
    put(name, pngOf(i, SHAPE));
  });
  put('readme.txt', 'not a class');
  mkdirSync(join(root, '.cache'));
  const dataset = await openDataset(root, { name: 'pets' });
  expect(dataset.info).toEqual({
    name: 'pets',
    format: 'class-folders',
    classes: 3,
    classNames: ['Zebra', 'cat', 'dog'],
    shape: SHAPE,
  });
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples).toContainEqual({ id: 'dog/a', label: 2, pixels: pixelsOf(1, SHAPE), shape: SHAPE });
  expect(samples.map((sample) => sample.id).sort()).toEqual(['Zebra/1.2', 'cat/x', 'dog/a', 'dog/b']);
});

test('classes are interleaved in proportion to their sizes', async () => {
  for (let i = 0; i < 20; i++) put(`a/${String(i).padStart(2, '0')}.png`, pngOf(i, SHAPE));
  for (let i = 0; i < 5; i++) put(`b/${i}.png`, pngOf(i, SHAPE));
  mkdirSync(join(root, 'c'));
  const { samples } = await readAll(await openDataset(root));
  expect(samples.length).toBe(25);
  for (let from = 0; from < 25; from += 5) {
    expect(samples.slice(from, from + 5).filter((sample) => sample.label === 1).length).toBe(1);
  }
  expect(samples.filter((s) => s.label === 0).map((s) => s.id)).toEqual(
    Array.from({ length: 20 }, (_, i) => `a/${String(i).padStart(2, '0')}`),
  );
});

test('PPM and PGM are read as well; one name in two kinds is a name that occurs again', async () => {
  put('a/0.ppm', ppmOf(0, SHAPE));
  put('a/1.png', pngOf(1, SHAPE));
  put('a/1.ppm', ppmOf(2, SHAPE));
  put('a/2.pgm', ppmOf(3, [1, 5, 4]));
  const { samples, bad } = await readAll(await openDataset(root));
  expect(samples.map(({ id, pixels }) => [id, pixels])).toEqual([
    ['a/0', pixelsOf(0, SHAPE)],
    ['a/1', pixelsOf(1, SHAPE)],
  ]);
  expect(bad.map((entry) => entry.message)).toEqual([
    expect.stringContaining('found a/1 again'),
    expect.stringContaining('found [1,5,4] at sample a/2'),
  ]);
});

test('numbers are labels: a class that is not there leaves the others theirs', async () => {
  for (const folder of ['00', '02', '11']) put(`${folder}/x.png`, pngOf(0, SHAPE));
  const dataset = await openDataset(root);
  expect(dataset.info.classes).toBe(12);
  expect(dataset.info.classNames?.slice(0, 3)).toEqual(['00', '01', '02']);
  const { samples } = await readAll(dataset);
  expect(samples.map((sample) => [sample.id, sample.label])).toEqual([
    ['00/x', 0],
    ['02/x', 2],
    ['11/x', 11],
  ]);
});

test('names that are known from elsewhere keep their labels', async () => {
  for (const folder of ['dog', 'emu']) put(`${folder}/x.png`, pngOf(0, SHAPE));
  const labels = async (classNames: readonly string[]) =>
    (await readAll(await openDataset(root, { classNames }))).samples.map((sample) => sample.label);
  expect(await labels(['cat', 'dog', 'emu'])).toEqual([1, 2]);
  expect(await labels(['bee', 'fly'])).toEqual([0, 1]);
  await expect(labels(['cat', 'dog'])).rejects.toThrow(
    /expected class folders of the training set, found emu as well; rename or remove it/,
  );
});

test('what is no usable image is set aside', async () => {
  put('a/0.png', pngOf(0, SHAPE));
  put('a/1.png', pngOf(1, SHAPE).subarray(0, 50));
  put('a/2.jpg', 'ÿØÿ');
  put('a/3/x.png', pngOf(1, SHAPE));
  put('a/4.png', pngOf(4, [3, 9, 9]));
  put('a/.DS_Store', 'hidden');
  const { samples, bad } = await readAll(await openDataset(root));
  expect(samples.map((sample) => sample.id)).toEqual(['a/0']);
  expect(bad.map(({ id, source, offset }) => [id, source, offset])).toEqual([
    ['a/1', join(root, 'a/1.png'), 0],
    ['a/2', join(root, 'a/2.jpg'), 0],
    [undefined, join(root, 'a/3/'), 0],
    ['a/4', join(root, 'a/4.png'), 0],
  ]);
  expect(bad.map((entry) => entry.message)).toEqual([
    expect.stringContaining('found its end at byte 50'),
    expect.stringContaining('expected a PNG, JPEG, PPM or PGM image, found bytes'),
    expect.stringContaining('found a folder; put images directly'),
    expect.stringContaining('expected images of [3,5,4], found [3,9,9] at sample a/4'),
  ]);
});

test("Tiny-ImageNet's extra level", async () => {
  put('n02/images/n02_0.JPEG', await jpegOf(2, SHAPE));
  put('n01/images/n01_0.JPEG', await jpegOf(0, SHAPE));
  put('n01/images/n01_1.JPEG', await jpegOf(1, SHAPE));
  put('n01/n01_boxes.txt', 'n01_0.JPEG 0 0 1 1');
  const dataset = await openDataset(root);
  expect(dataset.info.classNames).toEqual(['n01', 'n02']);
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples.map(({ id, label }) => [id, label]).sort()).toEqual([
    ['n01/images/n01_0', 0],
    ['n01/images/n01_1', 0],
    ['n02/images/n02_0', 1],
  ]);
});

test('a folder of images without classes is refused, not taken for one class', async () => {
  put('images/val_0.JPEG', await jpegOf(0, SHAPE));
  await expect(openDataset(root)).rejects.toThrow(
    /expected a folder for each class in .*, found only images;/,
  );
});

test('a file that goes away while it is read is set aside', async () => {
  put('a/0.png', pngOf(0, SHAPE));
  const { symlinkSync } = await import('node:fs');
  symlinkSync(join(root, 'gone.png'), join(root, 'a', '1.png'));
  const { samples, bad } = await readAll(await openDataset(root));
  expect(samples.length).toBe(1);
  expect(bad[0]!.message).toMatch(/expected a readable file, found: ENOENT/);
});

test('refuses what is empty or not there', async () => {
  await expect(openDataset(root)).rejects.toThrow(
    /expected class folders, files such as .tar or .ndjson, or dataset.json in .*found 0/,
  );
  mkdirSync(join(root, 'a'));
  await expect(openDataset(root)).rejects.toThrow(/at least one readable sample .* found an empty dataset/);
  await expect(openDataset(join(root, 'nowhere'))).rejects.toThrow(
    /expected a dataset at .*nowhere, found ENOENT; check/,
  );
  await expect(openDataset([])).rejects.toThrow(/expected one or more sources of one format, found none/);
  put('x.dat', 'some bytes');
  await expect(openDataset(join(root, 'x.dat'))).rejects.toThrow(
    /beginning with 736f6d6520627974; set dataset.format to/,
  );
});
