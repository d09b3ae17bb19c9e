import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { beforeEach, expect, test } from 'vitest';
import type { DatasetOptions } from '../../../../src/datasets/dataset.ts';
import { openDataset } from '../../../../src/datasets/open.ts';
import { pixelsOf, pngOf, ppmOf, readAll, tar, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 4, 6] as const;
let path: string;
beforeEach(() => {
  path = join(temporaryFolder(), 'signs.tar');
});

async function open(members: Parameters<typeof tar>[0], options: DatasetOptions = {}) {
  writeFileSync(path, await tar(members));
  return openDataset(path, options);
}

test.each([
  ['plain', (bytes: Buffer) => bytes],
  ['gzipped', (bytes: Buffer) => gzipSync(bytes)],
])('the last folder is the class, the path the id: %s', async (_, pack) => {
  const archive = await tar([
    ['data/train/dog/b.ppm', ppmOf(0, SHAPE)],
    ['data/train/cat/', ''],
    ['data/train/cat/a.png', pngOf(1, SHAPE)],
    ['./data/test/dog/b.PPM', ppmOf(2, SHAPE)],
  ]);
  writeFileSync(path, pack(archive));
  const dataset = await openDataset(path);
  expect(dataset.info).toEqual({
    name: 'signs',
    format: 'class-folders',
    classes: 2,
    classNames: ['cat', 'dog'],
    shape: SHAPE,
  });
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples).toEqual([
    { id: 'data/train/dog/b', label: 1, pixels: pixelsOf(0, SHAPE), shape: SHAPE },
    { id: 'data/train/cat/a', label: 0, pixels: pixelsOf(1, SHAPE), shape: SHAPE },
    { id: 'data/test/dog/b', label: 1, pixels: pixelsOf(2, SHAPE), shape: SHAPE },
  ]);
});

test('numbers are labels, though a class is missing', async () => {
  const dataset = await open([
    ['00002/x.ppm', ppmOf(0, SHAPE)],
    ['00000/x.ppm', ppmOf(1, SHAPE)],
  ]);
  expect(dataset.info.classNames).toEqual(['00000', '00001', '00002']);
  const { samples } = await readAll(dataset);
  expect(samples.map((sample) => sample.label)).toEqual([2, 0]);
});

test('several archives, and a folder of them, share their class names', async () => {
  const folder = temporaryFolder();
  const paths = await Promise.all(
    ['bee', 'ant'].map(async (name, i) => {
      const shard = join(folder, `${i}.tar`);
      writeFileSync(shard, await tar([[`${name}/x.ppm`, ppmOf(i, SHAPE)]]));
      return shard;
    }),
  );
  for (const source of [paths, folder]) {
    const dataset = await openDataset(source);
    expect(dataset.info.classNames).toEqual(['ant', 'bee']);
    const { samples } = await readAll(dataset);
    expect(samples.map(({ id, label }) => [id, label])).toEqual([
      ['0/bee/x', 1],
      ['1/ant/x', 0],
    ]);
  }
});

test('what is no usable image is set aside, what is in no class folder passed over', async () => {
  const dataset = await open(
    [
      ['readme.txt', 'x'],
      ['top.ppm', ppmOf(0, SHAPE)],
      ['notes/license.txt', 'x'],
      ['__MACOSX/a/._0.ppm', 'x'],
      ['a/.DS_Store', 'x'],
      ['a/0.ppm', ppmOf(0, SHAPE)],
      ['a/1.ppm', ppmOf(1, SHAPE).subarray(0, 50)],
      ['a/2.csv', 'x;y'],
      ['a/3.ppm', ppmOf(3, [3, 5, 5])],
      ['a/0.png', pngOf(4, SHAPE)],
      ['a/4.png', Buffer.alloc(2 ** 21)],
    ],
    { maxPixels: 1000 },
  );
  const { samples, bad } = await readAll(dataset);
  expect(samples.map((sample) => sample.id)).toEqual(['a/0', 'a/0.png']);
  expect(bad.map(({ id, source }) => [id, source])).toEqual([
    ['a/1', `${path}!a/1.ppm`],
    ['a/2.csv', `${path}!a/2.csv`],
    ['a/3', `${path}!a/3.ppm`],
    ['a/4', `${path}!a/4.png`],
  ]);
  expect(bad.map((entry) => entry.message)).toEqual([
    expect.stringContaining('expected 72 bytes of PPM pixels, found 39'),
    expect.stringContaining(
      'expected a PNG, JPEG, PPM, BMP, WebP, AVIF, GIF or TIFF image, found bytes 783b79',
    ),
    expect.stringContaining('expected images of [3,4,6], found [3,5,5]'),
    expect.stringContaining('expected an image of at most 1000 pixels, found 2097152 bytes'),
  ]);
});

test('a truncated archive gives the samples before, and says so', async () => {
  const whole = await tar(['a', 'b', 'c'].map((name, i) => [`${name}/x.ppm`, ppmOf(i, SHAPE)] as const));
  writeFileSync(path, whole.subarray(0, 2 * 1024 + 530));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.map((sample) => sample.id)).toEqual(['a/x', 'b/x']);
  expect(bad).toMatchObject([{ source: path, offset: 2 * 1024 }]);
  expect(bad[0]!.message).toMatch(/expected a whole tar archive, found: .*; what follows is lost, fetch it/);
});

test('a .cls member makes it a WebDataset shard; the format can also be named', async () => {
  const members = [
    ['a/x.ppm', ppmOf(0, SHAPE)],
    ['a/x.cls', '1'],
  ] as const;
  expect((await open(members, { classes: 2 })).info.format).toBe('webdataset');
  await expect(open(members, { format: 'class-folders' })).rejects.toThrow(
    /expected images in class folders in .*signs.tar, found none or .cls files; set dataset.format to webdataset/,
  );
  await expect(open([['a/x.ppm', ppmOf(0, SHAPE)]], { format: 'webdataset', classes: 2 })).rejects.toThrow(
    /side by side, found only .ppm/,
  );
});

test('labels in JSON of the same names make a shard, whatever folders its keys have', async () => {
  const shard = [0, 1, 2].flatMap((i) => [
    [`./part-${i & 1}/${i}.ppm`, ppmOf(i, SHAPE)] as const,
    [`./part-${i & 1}/${i}.json`, `{"label": ${i}}`] as const,
  ]);
  const reversed = [0, 1, 2].flatMap((i) => [
    [`db/${i}.json`, `{"label": ${i}}`] as const,
    [`db/${i}.png`, pngOf(i, SHAPE)] as const,
  ]);
  for (const members of [shard, reversed]) {
    const dataset = await open(members, { classes: 3 });
    expect(dataset.info.format).toBe('webdataset');
    const { samples, bad } = await readAll(dataset);
    expect(bad).toEqual([]);
    expect(samples.map(({ label }) => label)).toEqual([0, 1, 2]);
  }
});

test('a shard that is not sorted is refused, not read by its folders', async () => {
  const names = [0, 1, 2];
  const members = [
    ...names.map((i) => [`db/${i}.ppm`, ppmOf(i, SHAPE)] as const),
    ...names.map((i) => [`db/${i}.json`, `{"label": ${i}}`] as const),
  ];
  await expect(open(members, { classes: 3 })).rejects.toThrow(/side by side/);
});

test('JSON without a label, or of another name, leaves class folders what they are', async () => {
  const dataset = await open([
    ['a/0.ppm', ppmOf(0, SHAPE)],
    ['a/0.json', '{"boxes": []}'],
    ['b/1.ppm', ppmOf(1, SHAPE)],
    ['b/info.json', '{"label": 7}'],
  ]);
  expect(dataset.info.format).toBe('class-folders');
  expect((await readAll(dataset)).samples.map(({ label }) => label)).toEqual([0, 1]);
});

test('a folder may hold archives beside class folders: a named format decides', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '0.tar'), await tar([['a/x.ppm', ppmOf(0, SHAPE)]]));
  mkdirSync(join(folder, 'b'));
  writeFileSync(join(folder, 'b', 'y.ppm'), ppmOf(1, SHAPE));
  const ids = async (options: DatasetOptions) =>
    (await readAll(await openDataset(folder, options))).samples.map((sample) => sample.id);
  await expect(ids({})).rejects.toThrow(/expected one dataset/);
  expect(await ids({ format: 'class-folders' })).toEqual(['b/y']);
});

test('two endings of one name are two samples, and links are named', async () => {
  const archive = pack();
  for (const [i, name] of ['a/0.png', 'a/0.ppm', 'b/0.png', './a/0.png'].entries()) {
    archive.entry({ name }, name.endsWith('ppm') ? ppmOf(i, SHAPE) : pngOf(i, SHAPE));
  }
  archive.entry({ name: 'b/1.png', type: 'symlink', linkname: '../a/0.png' });
  archive.entry({ name: 'b/2.png', type: 'link', linkname: 'a/0.png' });
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  writeFileSync(path, Buffer.concat(chunks));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.map(({ id }) => id)).toEqual(['a/0', 'a/0.ppm', 'b/0']);
  expect(bad.map(({ source }) => source)).toEqual(
    ['./a/0.png', 'b/1.png', 'b/2.png'].map((name) => `${path}!${name}`),
  );
  expect(bad[1]!.message).toMatch(/found a link to \.\.\/a\/0\.png, which is not followed/);
});
