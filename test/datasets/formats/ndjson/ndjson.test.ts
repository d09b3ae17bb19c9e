import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDataset } from '../../../../src/datasets/open.ts';
import { openWriter } from '../../../../src/datasets/writer.ts';
import { python, pythonHas } from '../../../support/python.ts';
import { jpegOf, pixelsOf, pngOf, ppmOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 6, 5] as const;

let root: string;
let path: string;
beforeEach(() => {
  root = temporaryFolder();
  path = join(root, 'set.ndjson');
});

const line = (fields: object) => `${JSON.stringify(fields)}\n`;
const good = (i: number) => line({ id: `s${i}`, label: i, image: pngOf(i, SHAPE).toString('base64') });

test('PNG, JPEG and PPM in base64, or in files; other fields are passed over', async () => {
  mkdirSync(join(root, 'images'));
  writeFileSync(join(root, 'images', 'three.png'), pngOf(3, SHAPE));
  const lines = [
    good(0),
    line({ id: 7, label: 1, image: ppmOf(1, SHAPE).toString('base64'), by: { whom: ['me'] } }),
    '\n',
    line({ label: 2, image: (await jpegOf(2, SHAPE)).toString('base64') }),
    line({ id: 'ü/3', label: 5, path: 'images/three.png' }),
    line({ id: 'absolute', label: 5, path: join(root, 'images', 'three.png') }).trimEnd(),
  ];
  writeFileSync(path, lines.join(''));
  const dataset = await openDataset(path);
  expect(dataset.info).toEqual({ name: 'set', format: 'ndjson', classes: 6, shape: SHAPE });
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples.map(({ id, label }) => [id, label])).toEqual([
    ['s0', 0],
    ['7', 1],
    ['00002', 2],
    ['ü/3', 5],
    ['absolute', 5],
  ]);
  for (const [at, i] of [
    [0, 0],
    [1, 1],
    [3, 3],
    [4, 3],
  ] as const) {
    expect(samples[at]!.pixels).toEqual(pixelsOf(i, SHAPE));
  }
});

describe('labels as others write them', () => {
  const labelled = (label: unknown, i = 0) =>
    line({ id: `s${i}`, label, image: pngOf(i, SHAPE).toString('base64') });

  test.each([
    ['in quotes', labelled('0') + labelled('2', 1), undefined],
    ['as floats', labelled(0).replace('"label":0', '"label":0.0') + labelled(2, 1), undefined],
    [
      'beside NaN',
      labelled(0).replace('{', '{"score":NaN,"x":[-Infinity,"NaN"],') + labelled(2, 1),
      undefined,
    ],
    ['behind a byte order mark', `\ufeff${labelled(0)}${labelled(2, 1)}`, undefined],
    ['as names', labelled('ant') + labelled('cat', 1) + labelled('bee', 2), ['ant', 'bee', 'cat']],
  ])('%s are read', async (_, text, classNames) => {
    writeFileSync(path, text);
    const dataset = await openDataset(path);
    expect(dataset.info.classes).toBe(3);
    expect(dataset.info.classNames).toEqual(classNames);
    const { samples, bad } = await readAll(dataset);
    expect(bad).toEqual([]);
    expect(samples.slice(0, 2).map(({ label }) => label)).toEqual([0, 2]);
  });

  test('a repaired name leaves as a name, all else as it came', async () => {
    const lines = [labelled('ant').replace('{', '{"score":NaN,'), labelled('bee', 1)];
    writeFileSync(path, lines.join(''));
    const { info, read } = await openDataset(path);
    const target = join(root, 'out.ndjson');
    const { name: _, ...given } = info;
    const writer = await openWriter(target, { ...given, format: 'ndjson' });
    for await (const result of read()) {
      if (result.ok) await writer.write({ ...result.sample, label: 1 }, result.origin);
    }
    await writer.close();
    expect(readFileSync(target, 'utf8')).toBe(lines.join('').replace('ant', 'bee'));
  });

  test('names of the dataset that it belongs to have the labels that they have there', async () => {
    writeFileSync(path, labelled('cat'));
    const { info } = await openDataset(path, { classNames: ['ant', 'bee', 'cat'] });
    expect(info.classes).toBe(3);
    await expect(openDataset(path, { classNames: ['ant', 'bee'] })).rejects.toThrow(
      /expected labels in .* named as the classes .* \(ant, bee\), found cat; rename/,
    );
  });

  test('captions are no classes', async () => {
    const caption = (_: unknown, i: number) => line({ label: `caption ${i}`, image: '' });
    writeFileSync(path, Array.from({ length: 1100 }, caption).join(''));
    await expect(openDataset(path)).rejects.toThrow(/found 1100 different ones in 1100 samples/);
  });
});

test('gzip, whatever the name', async () => {
  writeFileSync(join(root, 'x'), gzipSync(good(0) + good(1)));
  const { samples } = await readAll(await openDataset(join(root, 'x')));
  expect(samples.map((sample) => sample.id)).toEqual(['s0', 's1']);
});

test('a folder of several files: ids begin with the file', async () => {
  writeFileSync(path, good(0));
  writeFileSync(join(root, 'more.jsonl'), good(0));
  const { samples } = await readAll(await openDataset(root));
  expect(samples.map((sample) => sample.id)).toEqual(['more.jsonl/s0', 'set/s0']);
});

describe('bad lines are set aside with their place', () => {
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['no JSON', '{"id":"bad",\n', /expected a JSON object on every line, found "\{\\"id/],
    ['no object', '[1]\n', /expected a JSON object/],
    ['no label', line({ id: 'bad', image: '' }), /expected "label" to be a class index, found none/],
    ['label in words', line({ id: 'bad', label: 'cat', image: '' }), /found "cat"; write it as a number/],
    ['no image', line({ id: 'bad', label: 1 }), /expected "image" or "path", found id, label; add one/],
    ['no base64', line({ id: 'bad', label: 1, image: '*' }), /in base64, found other characters/],
    [
      'no image inside',
      line({ id: 'bad', label: 1, image: 'AAAA' }),
      /expected a PNG, JPEG, .* bytes 000000/,
    ],
    [
      'missing file',
      line({ id: 'bad', label: 1, path: 'nowhere.png' }),
      /expected a readable file, found: ENOENT/,
    ],
    [
      'a device',
      line({ id: 'bad', label: 1, path: '/dev/zero' }),
      /expected a path below .*, found .*\/dev\/zero/,
    ],
    ['a name that is there', good(0), /found s0 again/],
  ];
  test.each(bad)('%s', async (_, text, message) => {
    writeFileSync(path, good(0) + text + good(1));
    const result = await readAll(await openDataset(path));
    expect(result.samples.map((sample) => sample.id)).toEqual(['s0', 's1']);
    expect(result.bad).toMatchObject([{ code: 'sample', source: path, offset: good(0).length }]);
    expect(result.bad[0]!.message).toMatch(message);
  });

  test('a line longer than an image may be', async () => {
    writeFileSync(path, good(0) + line({ label: 0, image: 'A'.repeat(3_000_000) }) + good(1));
    const { samples, bad } = await readAll(await openDataset(path, { maxPixels: 100 }));
    expect(samples.map((sample) => sample.id)).toEqual(['s0', 's1']);
    expect(bad).toMatchObject([{ offset: good(0).length, id: '00001' }]);
    expect(bad[0]!.message).toMatch(
      /expected a line of at most \d+ bytes, found 3000022; raise dataset.maxPixels/,
    );
  });

  test('gzip that was cut off', async () => {
    const noise = Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * i * 31) % 251)).toString(
      'base64',
    );
    const whole = gzipSync(good(0) + good(1) + line({ label: 0, image: noise }));
    writeFileSync(path, whole.subarray(0, whole.length - 200));
    const { samples, bad } = await readAll(await openDataset(path, { classes: 2 }));
    expect(samples.map((sample) => sample.id)).toEqual(['s0', 's1']);
    expect(bad).toMatchObject([{ offset: (good(0) + good(1)).length }]);
    expect(bad[0]!.message).toMatch(/expected whole lines, found: .*unexpected end of file/);
  });
});

test.skipIf(!pythonHas('json'))('one file as output; Python reads it', async () => {
  const writer = await openWriter(path, { format: 'ndjson', classes: 3, shape: SHAPE });
  await writer.write({ id: 'a"\n', label: 2, pixels: pixelsOf(4, SHAPE), shape: SHAPE });
  expect(await writer.close()).toBe(1);
  const program = `
import base64, json, struct, sys
for line in open(sys.argv[1], encoding="utf-8"):
    sample = json.loads(line)
    print(json.dumps([sample["id"], sample["label"], struct.unpack(">II", base64.b64decode(sample["image"])[16:24])]))`;
  expect(JSON.parse(python(program, path))).toEqual(['a"\n', 2, [5, 6]]);
});
