import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import type { DatasetOptions } from '../../../../src/datasets/dataset.ts';
import { openDataset } from '../../../../src/datasets/open.ts';
import { openWriter } from '../../../../src/datasets/writer.ts';
import { jpegOf, pixelsOf, pngOf, ppmOf, readAll, temporaryFolder } from '../../make.ts';

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

test('PPM and PGM are read as well; one name with two endings is two samples', async () => {
  put('a/0.ppm', ppmOf(0, SHAPE));
  put('a/1.png', pngOf(1, SHAPE));
  put('a/1.ppm', ppmOf(2, SHAPE));
  put('a/2.pgm', ppmOf(3, [1, 5, 4]));
  const { samples, bad } = await readAll(await openDataset(root));
  expect(samples.map(({ id, pixels }) => [id, pixels])).toEqual([
    ['a/0', pixelsOf(0, SHAPE)],
    ['a/1', pixelsOf(1, SHAPE)],
    ['a/1.ppm', pixelsOf(2, SHAPE)],
    // gray among images in color
    ['a/2', Uint8Array.from([0, 1, 2].flatMap(() => [...pixelsOf(3, [1, 5, 4])]))],
  ]);
  expect(bad).toEqual([]);
});

test.each([
  ['0.jpg', '0.png'],
  ['0.png', '0.jpg'],
])('a run that remembers ids gives %s the same one when %s comes', async (first, second) => {
  const known = new Set<string>();
  const read = async () => {
    const dataset = await openDataset(root, {
      growing: true,
      known: async (ids) => ids.map((id) => known.has(id)),
    });
    const { samples, bad } = await readAll(dataset);
    expect(bad).toEqual([]);
    known.clear();
    for (const { id } of samples) known.add(id);
    return Object.fromEntries(samples.map(({ id, pixels }) => [id, pixels[0]]));
  };
  put(`a/${first}`, pngOf(1, SHAPE));
  put('a/1.png', pngOf(3, SHAPE));
  const before = await read();
  expect(Object.keys(before)).toEqual(['a/0', 'a/1']);
  await setTimeout(20);
  put(`a/${second}`, pngOf(2, SHAPE));
  const after = await read();
  expect(after).toEqual({ ...before, [`a/${second}`]: pixelsOf(2, SHAPE)[0] });
  // what is written over later is no newcomer
  await setTimeout(20);
  put(`a/${first}`, pngOf(1, SHAPE));
  expect(await read()).toEqual(after);
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
  await expect(labels(['bee', 'fly'])).rejects.toThrow(/as the classes .* \(bee, fly\), found dog; rename/);
  expect(await labels([])).toEqual([0, 1]);
  await expect(labels(['cat', 'dog'])).rejects.toThrow(
    /expected class folders named as the classes of the training set or model \(cat, dog\), found emu; rename/,
  );
});

test('what is no usable image is set aside', async () => {
  put('a/0.png', pngOf(0, SHAPE));
  put('a/1.png', pngOf(1, SHAPE).subarray(0, 50));
  put('a/2.jpg', 'ÿØÿ');
  put('a/3/x/y/z/x.png', pngOf(1, SHAPE));
  put('a/4.png', pngOf(4, [3, 9, 9]));
  put('a/.DS_Store', 'hidden');
  const { samples, bad } = await readAll(await openDataset(root));
  expect(samples.map((sample) => sample.id)).toEqual(['a/0']);
  expect(bad.map(({ id, source, offset }) => [id, source, offset])).toEqual([
    ['a/1', join(root, 'a/1.png'), 0],
    ['a/2', join(root, 'a/2.jpg'), 0],
    [undefined, join(root, 'a/3/x/y/z/'), 0],
    ['a/4', join(root, 'a/4.png'), 0],
  ]);
  expect(bad.map((entry) => entry.message)).toEqual([
    expect.stringContaining('found its end at byte 50'),
    expect.stringContaining('expected a PNG, JPEG, PPM, BMP, WebP, AVIF, GIF or TIFF image, found bytes'),
    expect.stringContaining('found a folder; name the folder of class folders'),
    expect.stringContaining('expected images of [3,5,4], found [3,9,9] at sample a/4'),
  ]);
});

test('images in folders of a class are its images, and leave with ids that read back', async () => {
  put('a/0.png', pngOf(0, SHAPE));
  put('a/day/0.png', pngOf(1, SHAPE));
  put('a/day/late/0.PNG', pngOf(2, SHAPE));
  put('a/.hidden/0.png', pngOf(3, SHAPE));
  put('a/__MACOSX/0.png', pngOf(3, SHAPE));
  put('b/day/0.png', pngOf(4, SHAPE));
  const { samples, bad } = await readAll(await openDataset(root));
  expect(bad).toEqual([]);
  expect(samples.map(({ id, label, pixels }) => [id, label, pixels]).sort()).toEqual([
    ['a/0', 0, pixelsOf(0, SHAPE)],
    ['a/day/0', 0, pixelsOf(1, SHAPE)],
    ['a/day/late/0', 0, pixelsOf(2, SHAPE)],
    ['b/day/0', 1, pixelsOf(4, SHAPE)],
  ]);
  const out = join(temporaryFolder(), 'out');
  const dataset = await openDataset(root);
  const writer = await openWriter(out, { ...dataset.info, format: 'class-folders' });
  for await (const result of dataset.read()) if (result.ok) await writer.write(result.sample, result.origin);
  await writer.close();
  const again = await readAll(await openDataset(out));
  expect(again.samples.map(({ id }) => id).sort()).toEqual(['a/0', 'a/day/0', 'a/day/late/0', 'b/day/0']);
});

test('a lone folder that holds folders alone may be above the classes, and is not read', async () => {
  put('all/a/0.png', pngOf(0, SHAPE));
  put('all/b/0.png', pngOf(5, SHAPE));
  await expect(openDataset(root).then(readAll)).rejects.toThrow(/found a folder; name the folder of class/);
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
  symlinkSync(join(root, 'gone.png'), join(root, 'a', '1.png'));
  const { samples, bad } = await readAll(await openDataset(root));
  expect(samples.length).toBe(1);
  expect(bad[0]!.message).toMatch(/expected a readable file, found: ENOENT/);
});

/** Labels by id, and what was warned of. */
async function labelled(options: DatasetOptions = {}) {
  const warnings: string[] = [];
  const dataset = await openDataset(root, { ...options, warn: (text) => warnings.push(text) });
  const { samples, bad } = await readAll(dataset);
  const labels = Object.fromEntries(samples.map(({ id, label }) => [id, label]));
  return { labels, bad, warnings, classNames: dataset.info.classNames };
}

test('what holds no image is no class and moves no label', async () => {
  for (const name of ['cat', 'dog']) put(`${name}/0.png`, pngOf(0, SHAPE));
  put('__MACOSX/cat/._0.png', 'as unzip leaves it');
  put('.cache/0.png', pngOf(0, SHAPE));
  put('annotations/cat.xml', '<xml/>');
  mkdirSync(join(root, 'bird'));
  const { labels, bad, warnings } = await labelled();
  expect([labels, bad]).toEqual([{ 'cat/0': 0, 'dog/0': 1 }, []]);
  expect(warnings).toEqual([`folders of ${root} without images are no classes: annotations, bird`]);
  // a run that remembers labels waits for the images of a class that is there from the beginning
  const growing = await labelled({ growing: true });
  expect(growing.labels).toEqual({ 'cat/0': 1, 'dog/0': 2 });
  expect(growing.classNames).toEqual(['bird', 'cat', 'dog']);
});

test('files without an ending make a class where they are images', async () => {
  put('a/0', pngOf(0, SHAPE));
  put('b/readme', 'not an image');
  put('c/images/0', pngOf(1, SHAPE));
  expect((await labelled()).labels).toEqual({ 'a/0': 0, 'c/images/0': 1 });
});

test('folders and images behind links are read like others, each folder once', async () => {
  put('real/0.png', pngOf(0, SHAPE));
  put('d/0.png', pngOf(1, SHAPE));
  const outside = temporaryFolder();
  renameSync(join(root, 'real'), join(outside, 'real'));
  for (const [name, target] of [
    ['a', join(outside, 'real')],
    ['b', join(outside, 'real')],
    ['c', 'd'],
    ['e', '.'],
    ['f', '..'],
    ['g', 'g'],
    ['note.txt', 'nowhere'],
  ] as const) {
    symlinkSync(target, join(root, name));
  }
  mkdirSync(join(root, 'h'));
  symlinkSync(join(outside, 'real'), join(root, 'h/images'));
  symlinkSync('.', join(outside, 'real/images'));
  symlinkSync('0.png', join(outside, 'real/1.png'));
  const { labels, bad, warnings } = await labelled();
  expect(labels).toEqual({
    'a/0': 0,
    'a/1': 0,
    'd/0': 1,
    'h/images/0': 3,
    'h/images/1': 3,
  });
  expect(bad.map(({ source }) => source)).toEqual([join(root, 'a/images'), join(root, 'h/images/images')]);
  expect(warnings).toEqual([
    `links in ${root} are not followed, what they lead to is read already: b, c, e, f`,
    `links in ${root} lead nowhere: g, note.txt`,
  ]);
});

test('a class whose link leads nowhere keeps its label, and a run that would take it back waits', async () => {
  put('b/0.png', pngOf(0, SHAPE));
  symlinkSync('nowhere', join(root, 'a'));
  const { labels, bad } = await labelled();
  expect([labels, bad]).toEqual([{ 'b/0': 1 }, []]);
  await expect(labelled({ growing: true })).rejects.toThrow(
    /expected a folder behind the link .*a, found nothing there.*; mount what it leads to/,
  );
});

test('pipes are not waited for', async () => {
  put('a/0.png', pngOf(0, SHAPE));
  execFileSync('mkfifo', [join(root, 'a/1.png')]);
  const { labels, bad } = await labelled();
  expect(labels).toEqual({ 'a/0': 0 });
  expect(bad.map(({ message }) => message)).toEqual([expect.stringContaining('found: not a regular file')]);
  execFileSync('mkfifo', [join(root, 'dataset.json')]);
  await expect(labelled()).rejects.toThrow(/expected a readable .*dataset\.json, found: not a regular file/);
});

test('names that are not UTF-8 are refused by what they are', async () => {
  put('a/0.png', pngOf(0, SHAPE));
  const name = Buffer.concat([Buffer.from(join(root, 'a/')), Buffer.from([0xff]), Buffer.from('.png')]);
  writeFileSync(name, pngOf(1, SHAPE));
  const { labels, bad } = await labelled();
  expect(labels).toEqual({ 'a/0': 0 });
  expect(bad.map(({ message }) => message)).toEqual([
    expect.stringMatching(/expected a name in UTF-8, found .*; rename it/),
  ]);
  mkdirSync(Buffer.concat([Buffer.from(join(root, '/')), Buffer.from([0xff])]));
  await expect(labelled()).rejects.toThrow(/expected names of class folders in UTF-8, found .*; rename it/);
});

test('refuses what is empty or not there', async () => {
  await expect(openDataset(root)).rejects.toThrow(
    /expected class folders, files such as .tar or .ndjson, or dataset.json in .*found 0/,
  );
  mkdirSync(join(root, 'a'));
  await expect(openDataset(root)).rejects.toThrow(/expected class folders, .*found 1 /);
  await expect(openDataset(root, { growing: true })).rejects.toThrow(/found an empty dataset/);
  await expect(openDataset(join(root, 'nowhere'))).rejects.toThrow(
    /expected a dataset at .*nowhere, found ENOENT; check/,
  );
  await expect(openDataset([])).rejects.toThrow(/expected one or more sources of one format, found none/);
  put('x.dat', 'some bytes');
  await expect(openDataset(join(root, 'x.dat'))).rejects.toThrow(
    /beginning with 736f6d6520627974; set dataset.format to/,
  );
});
