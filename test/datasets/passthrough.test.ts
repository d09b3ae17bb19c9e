import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { extract } from 'tar-stream';
import { beforeEach, expect, test } from 'vitest';
import { spliceFields } from '../../src/datasets/bytes/json-splice.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { withoutImage } from '../../src/datasets/origin.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { idsAmong } from '../../src/datasets/store/id-set.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { openWriter, type WriterOptions } from '../../src/datasets/writer.ts';
import { jpegOf, pixelsOf, pngOf, ppmOf, readAll, tar, temporaryFolder } from './make.ts';

const SHAPE = [3, 8, 6] as const;

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

type Change = (sample: Sample, index: number) => Partial<Sample>;

/** Reads a source, lets the samples wait on disk, changes some, writes them. */
async function pass(
  source: string,
  target: string,
  format: WriterOptions['format'],
  change: Change = () => ({}),
) {
  const dataset = await openDataset(source, { classes: 3 });
  const store = new SampleStore(join(root, 'store'), dataset.info.shape);
  for await (const result of dataset.read()) if (result.ok) store.append(result.sample, result.origin);
  const isId = idsAmong(() => store.ids());
  const writer = await openWriter(target, { ...dataset.info, format, isId });
  let index = 0;
  for (const sample of store.stream()) {
    const changed = change(sample, index);
    const origin = store.origin(index++);
    await writer.write({ ...sample, ...changed }, changed.pixels ? withoutImage(origin) : origin);
  }
  store.dispose();
  expect(await writer.close()).toBe(index);
}

async function membersOf(path: string): Promise<[string, string][]> {
  const archive = extract();
  archive.end(readFileSync(path));
  const members: [string, string][] = [];
  for await (const entry of archive) {
    const parts: Buffer[] = [];
    for await (const chunk of entry) parts.push(chunk as Buffer);
    members.push([entry.header.name, Buffer.concat(parts).toString('base64')]);
  }
  return members;
}

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');

test('NDJSON: untouched lines leave byte for byte, changed ones keep every other field', async () => {
  const image = base64(await jpegOf(1, SHAPE));
  const path = join(root, 'a.ndjson');
  const lines = [
    `{"z": 12345678901234567890, "label":1,  "image":"${image}","id" : "a"}`,
    `{"label":0,"image":"${image}","x":{"label":9}}`,
    `{"label":2,"more":1.0,"image":"${image}","id":7}`,
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  await pass(path, join(root, 'same.ndjson'), 'ndjson');
  expect(readFileSync(join(root, 'same.ndjson')).equals(readFileSync(path))).toBe(true);

  await pass(path, join(root, 'b.ndjson'), 'ndjson', (_, i) =>
    i === 1 ? { label: 2 } : i === 2 ? { label: 0, pixels: pixelsOf(5, SHAPE) } : {},
  );
  const [first, second, third] = readFileSync(join(root, 'b.ndjson'), 'utf8').split('\n');
  expect(first).toBe(lines[0]);
  expect(second).toBe(`{"label":2,"image":"${image}","x":{"label":9}}`);
  expect(third).toMatch(/^\{"label":0,"more":1\.0,"image":"iVBOR[^"]*","id":7\}$/);
  const { samples } = await readAll(await openDataset(join(root, 'b.ndjson')));
  expect(samples[2]).toEqual({ id: '7', label: 0, pixels: pixelsOf(5, SHAPE), shape: SHAPE });
});

test('NDJSON: a relative path that would lead nowhere becomes the image itself', async () => {
  const jpeg = await jpegOf(1, SHAPE);
  writeFileSync(join(root, 'x.jpg'), jpeg);
  const path = join(root, 'a.ndjson');
  const text = `{"id":"a","path":"x.jpg","by":"me","label":1}\n`;
  writeFileSync(path, text);
  await pass(path, join(root, 'beside.ndjson'), 'ndjson');
  expect(readFileSync(join(root, 'beside.ndjson'), 'utf8')).toBe(text);
  await pass(path, join(root, 'sub', 'b.ndjson'), 'ndjson');
  expect(readFileSync(join(root, 'sub', 'b.ndjson'), 'utf8')).toBe(
    `{"id":"a","image":"${base64(jpeg)}","by":"me","label":1}\n`,
  );
});

test('WebDataset: members unknown here stay, in their order; only image and label change', async () => {
  const jpeg = await jpegOf(1, SHAPE);
  const path = join(root, 'a.tar');
  const members: [string, Uint8Array | string][] = [
    ['d/one.txt', 'a caption'],
    ['d/one.JPG', jpeg],
    ['d/one.json', '{"label": 1, "big": 12345678901234567890}'],
    ['two.ppm', ppmOf(2, SHAPE)],
    ['two.seg.png', 'anything'],
    ['two.cls', '2\n'],
  ];
  writeFileSync(path, await tar(members));
  await pass(path, join(root, 'same.tar'), 'webdataset');
  const given = members.map(([name, bytes]) => [name, base64(bytes)]);
  expect(await membersOf(join(root, 'same.tar'))).toEqual(given);

  await pass(path, join(root, 'b.tar'), 'webdataset', (_, i) =>
    i === 0 ? { label: 0 } : { label: 1, pixels: pixelsOf(5, SHAPE) },
  );
  const written = await membersOf(join(root, 'b.tar'));
  expect(written.map(([name]) => name)).toEqual([
    ...['d/one.txt', 'd/one.JPG', 'd/one.json', 'two.png', 'two.seg.png', 'two.cls'],
  ]);
  expect(written[1]).toEqual(given[1]);
  expect(written[2]![1]).toBe(base64('{"label": 0, "big": 12345678901234567890}'));
  expect(written[4]).toEqual(given[4]);
  expect(written[5]![1]).toBe(base64('1'));
});

test('class folders: files keep name and bytes; those of another class keep their ids', async () => {
  const source = join(root, 'in');
  const jpeg = await jpegOf(1, SHAPE);
  const files: [string, Uint8Array][] = [
    ['cat/1.JPEG', jpeg],
    ['dog/1.png', pngOf(2, SHAPE)],
    ['yak.x/1.ppm', ppmOf(3, SHAPE)],
  ];
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(source, name)), { recursive: true });
    writeFileSync(join(source, name), bytes);
  }
  await pass(source, join(root, 'same'), 'class-folders');
  for (const [name, bytes] of files)
    expect(readFileSync(join(root, 'same', name)).equals(bytes), name).toBe(true);

  await pass(source, join(root, 'moved'), 'class-folders', ({ id }) =>
    id === 'cat/1' ? { label: 1 } : id === 'dog/1' ? { pixels: pixelsOf(5, SHAPE) } : {},
  );
  expect(readFileSync(join(root, 'moved', 'dog', '1~2.jpg')).equals(jpeg)).toBe(true);
  const { samples, bad } = await readAll(await openDataset(join(root, 'moved')));
  expect(bad).toEqual([]);
  expect(samples.map(({ id, label }) => [id, label]).sort()).toEqual([
    ['cat/1', 1],
    ['dog/1', 1],
    ['yak.x/1', 2],
  ]);
});

test("Tiny-ImageNet's layout: the same files in the same folders", async () => {
  const files: [string, Uint8Array][] = [
    ['n01/images/n01_0.JPEG', await jpegOf(1, SHAPE)],
    ['n02/images/n02_0.JPEG', await jpegOf(2, SHAPE)],
    ['n02/images/n02_1.JPEG', await jpegOf(3, SHAPE)],
    ['n03/images/n03_0.JPEG', await jpegOf(4, SHAPE)],
  ];
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(root, 'in', name)), { recursive: true });
    writeFileSync(join(root, 'in', name), bytes);
  }
  await pass(join(root, 'in'), join(root, 'same'), 'tiny-imagenet');
  for (const [name, bytes] of files)
    expect(readFileSync(join(root, 'same', name)).equals(bytes), name).toBe(true);

  await pass(join(root, 'same'), join(root, 'moved'), 'tiny-imagenet', (_, i) =>
    i === 1 ? { label: 1 } : {},
  );
  const read = async (name: string) => (await readAll(await openDataset(join(root, name)))).samples;
  const [same, moved] = [await read('same'), await read('moved')];
  expect(same.map(({ id }) => id).sort()).toEqual(files.map(([name]) => name.replace('.JPEG', '')));
  expect(moved.map(({ id }) => id).sort()).toEqual(same.map(({ id }) => id).sort());
  expect(moved.find(({ id }) => id === same[1]!.id)!.label).toBe(1);
});

test('images leave with their own bytes in another format too', async () => {
  const jpeg = await jpegOf(1, SHAPE);
  const path = join(root, 'a.ndjson');
  writeFileSync(path, `${JSON.stringify({ id: 'a', label: 1, image: base64(jpeg) })}\n`);
  await pass(path, join(root, 'b.tar'), 'webdataset');
  expect(await membersOf(join(root, 'b.tar'))).toEqual([
    ['a.jpg', base64(jpeg)],
    ['a.cls', base64('1')],
  ]);
  await pass(path, join(root, 'c'), 'class-folders');
  expect(readFileSync(join(root, 'c', '1', 'a.jpg')).equals(jpeg)).toBe(true);
});

test('splicing: the last of equal keys counts, nested ones do not, a missing one is added', () => {
  const text = '{"a":{"l":1}, "l":2, "\\u006c":3 }';
  expect(spliceFields(text, [{ key: 'l', value: 9 }])).toBe('{"a":{"l":1}, "l":2, "\\u006c":9 }');
  expect(spliceFields('{"a":1}', [{ key: 'b', value: [2] }])).toBe('{"a":1,"b":[2]}');
});

test('single fields change whatever lies beside them, however deep', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(spliceFields(`{"x":${deep},"l":1}`, [{ key: 'l', value: 2 }])).toBe(`{"x":${deep},"l":2}`);
  const quoted = '{"a":"}\\\\\\"l\\":1,", "b":["]",{"l":"}"}],"l" :\t-0 , "\\\\":0}';
  expect(spliceFields(quoted, [{ key: 'l', value: 2 }])).toBe(quoted.replace('-0', '2'));
  const spaces = ' '.repeat(20_000_000);
  expect(spliceFields(`{"l":1${spaces}}`, [{ key: 'l', value: 2 }])).toBe(`{"l":2${spaces}}`);
  expect(spliceFields('{ }', [{ key: 'l', value: 2 }])).toBe('{ "l":2}');
});
