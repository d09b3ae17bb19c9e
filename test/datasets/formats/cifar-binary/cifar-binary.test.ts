import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openDataset } from '../../../../src/datasets/open.ts';
import { openStream } from '../../../../src/datasets/stream.ts';
import { pixelsOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 32, 32] as const;

function records(
  labels: readonly (readonly number[])[],
  shape: readonly [number, number, number] = SHAPE,
): Buffer {
  return Buffer.concat(labels.flatMap((label, i) => [Buffer.from(label), pixelsOf(i, shape)]));
}

test.each([['data.bin'], ['data.bin.gz']])('reads %s', async (name) => {
  const path = join(temporaryFolder(), name);
  const bytes = records([[3], [9], [0]]);
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(bytes) : bytes);
  const dataset = await openDataset(path);
  expect(dataset.info).toEqual({ name: 'data', format: 'cifar-binary', classes: 10, shape: SHAPE });
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples.map((sample) => sample.label)).toEqual([3, 9, 0]);
  samples.forEach((sample, i) => {
    expect(sample).toEqual({ id: `0000${i}`, label: sample.label, pixels: pixelsOf(i, SHAPE), shape: SHAPE });
  });
});

test('the names of the classes from batches.meta.txt', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'a.bin'), records([[1]]));
  writeFileSync(join(folder, 'batches.meta.txt'), 'ship\ntruck\n\n');
  const { info } = await openDataset(join(folder, 'a.bin'));
  expect(info).toMatchObject({ classes: 2, classNames: ['ship', 'truck'] });
});

test('two label bytes as in CIFAR-100, and another size', async () => {
  const path = join(temporaryFolder(), 'train.bin');
  writeFileSync(path, records([[7, 99], [1, 5]], [1, 4, 4])); // biome-ignore format: as in the file
  const dataset = await openDataset(path, { shape: [1, 4, 4], labelBytes: 2 });
  expect(dataset.info).toMatchObject({ classes: 100, shape: [1, 4, 4] });
  const { samples } = await readAll(dataset);
  expect(samples.map((sample) => sample.label)).toEqual([99, 5]);
  expect(samples[1]!.pixels).toEqual(pixelsOf(1, [1, 4, 4]));
});

/** As in CIFAR-100: coarse and fine labels. */
const HUNDRED = records([[0, 50], [19, 99], [7, 0], [7, 1]]); // biome-ignore format: as in the file

test.each([
  ['a file', 'train.bin', HUNDRED],
  ['a gzipped one', 'train.bin.gz', gzipSync(HUNDRED)],
  ['one that is cut off', 'train.bin', HUNDRED.subarray(0, -100)],
])('CIFAR-100 is told by its size and read by fine labels: %s', async (_, name, bytes) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, name), bytes);
  writeFileSync(
    join(folder, 'coarse_label_names.txt'),
    Array.from({ length: 20 }, (_, i) => `c${i}\n`).join(''),
  );
  const dataset = await openDataset(join(folder, name));
  expect(dataset.info).toMatchObject({ format: 'cifar-binary', classes: 100 });
  const { samples } = await readAll(dataset);
  expect(samples.slice(0, 3).map(({ label }) => label)).toEqual([50, 99, 0]);
  expect(samples[2]!.pixels).toEqual(pixelsOf(2, SHAPE));
  const coarse = await openDataset(join(folder, name), { cifarLabels: 'coarse' });
  expect(coarse.info).toMatchObject({ classes: 20 });
  expect(coarse.info.classNames?.[19]).toBe('c19');
  expect((await readAll(coarse)).samples.slice(0, 3).map(({ label }) => label)).toEqual([0, 19, 7]);
});

test('CIFAR-100 on a stream is told by its first labels', async () => {
  const open = () =>
    openStream(
      'stdin',
      (async function* () {
        yield HUNDRED;
      })(),
      { format: 'cifar-binary' },
    );
  const stream = await open();
  expect(stream.info.classes).toBe(100);
  const labels = [];
  for await (const result of stream.read()) labels.push(result.ok && result.sample.label);
  expect(labels).toEqual([50, 99, 0, 1]);
});

test('what fills no records and has other labels is refused, as are both layouts together', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'train.bin');
  writeFileSync(path, records([[200], [201]], [3, 40, 40]));
  await expect(openDataset(path)).rejects.toThrow(
    /expected records of 3073 bytes as in CIFAR-10, or of 3074 as in CIFAR-100, in .*, found 9602 bytes/,
  );
  writeFileSync(path, records([[1], [2]]));
  writeFileSync(join(folder, 'hundred.bin'), HUNDRED);
  await expect(openDataset([path, join(folder, 'hundred.bin')])).rejects.toThrow(
    /found cifar-binary, cifar-binary of CIFAR-100/,
  );
});

test('several shards: ids tell the file, a range goes over their border, equal names are told apart by folders', async () => {
  const [a, b] = [temporaryFolder(), temporaryFolder()];
  const paths = [join(a, 'one.bin'), join(a, 'two.bin'), join(b, 'one.bin')];
  for (const path of paths) writeFileSync(path, records([[1], [2], [3]]));
  const all = await readAll(await openDataset(paths));
  expect(all.samples.map((sample) => sample.id)).toEqual(
    [`${basename(a)}/one`, 'two', `${basename(b)}/one`].flatMap((stem) =>
      [0, 1, 2].map((i) => `${stem}/0000${i}`),
    ),
  );
  const some = await readAll(await openDataset(paths, { skip: 2, limit: 3 }));
  expect(some.samples.map((sample) => sample.id)).toEqual([
    `${basename(a)}/one/00002`,
    'two/00000',
    'two/00001',
  ]);
});

test('a truncated file: whole records, then one entry with its place', async () => {
  const path = join(temporaryFolder(), 'data.bin');
  writeFileSync(path, records([[1], [2], [3]]).subarray(0, 2 * 3073 + 100));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.length).toBe(2);
  expect(bad).toEqual([
    {
      code: 'sample',
      source: path,
      offset: 2 * 3073,
      message:
        'expected a record of 3073 bytes as sample 00002, found 100 and the end of the file; ' +
        'fetch the file again, or convert it if its images have another size',
    },
  ]);
});

test('a truncated gzip is noticed even where it ends between two records', async () => {
  const path = join(temporaryFolder(), 'data.bin.gz');
  const whole = gzipSync(records([[1], [2], [3]]));
  writeFileSync(path, whole.subarray(0, whole.length - 8)); // only the checksum is missing
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.length).toBe(3);
  expect(bad[0]!.message).toMatch(/unexpected end of file/);
});

test('a label out of range', async () => {
  const path = join(temporaryFolder(), 'data.bin');
  writeFileSync(path, records([[1], [10], [3]]));
  const { samples, bad } = await readAll(await openDataset(path));
  expect(samples.length).toBe(2);
  expect(bad[0]).toMatchObject({ id: '00001', offset: 3073 });
  expect(bad[0]!.message).toMatch(/expected a label from 0 to 9, found 10/);
});

test.each([
  ['an empty file', Buffer.alloc(0), /at least one readable sample .* found an empty dataset/],
  ['less than one record', Buffer.alloc(50), /found 1 bad ones \(the first: expected a record of 3073 bytes/],
])('refuses %s', async (_, bytes, message) => {
  const path = join(temporaryFolder(), 'data.bin');
  writeFileSync(path, bytes);
  await expect(openDataset(path)).rejects.toThrow(message);
});
