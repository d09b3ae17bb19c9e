import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import { beforeEach, describe, expect, test } from 'vitest';
import { fileSink } from '../../src/datasets/bytes/byte-sink.ts';
import { folderNames } from '../../src/datasets/formats/class-folders/class-folder-writer.ts';
import { openTarWriter } from '../../src/datasets/formats/webdataset/webdataset-writer.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { openWriter, type WriterOptions } from '../../src/datasets/writer.ts';
import { bury, workFoldersIn } from '../support/dead-owner.ts';
import { pixelsOf, readAll, temporaryFolder } from './make.ts';

const SHAPE = [3, 6, 5] as const;
const NAMES = ['zebra', 'ape/chimp', 'cat'];
const OPTIONS: WriterOptions = { format: 'webdataset', classes: 3, classNames: NAMES, shape: SHAPE };
// ids with everything that file names and tar keys take badly
const IDS = ['0001', 'a/b.c', 'ü %2F', 'x".png', '..'];

let folder: string;
let target: string;
beforeEach(() => {
  folder = temporaryFolder();
  target = join(folder, 'out');
});

function sample(i: number): Sample {
  return { id: IDS[i] ?? `n${i}`, label: (i * 2) % 3, pixels: pixelsOf(i, SHAPE), shape: SHAPE };
}

async function write(path: string, count: number, options: Partial<WriterOptions> = {}): Promise<Sample[]> {
  const writer = await openWriter(path, { ...OPTIONS, ...options });
  const samples = Array.from({ length: count }, (_, i) => sample(i));
  for (const each of samples) await writer.write(each);
  expect(await writer.close()).toBe(count);
  return samples;
}

/** All files below a folder with their contents. */
function filesOf(root: string): [string, string][] {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
  return names.map((item) => {
    const path = join(item.parentPath, item.name);
    return [path.slice(root.length), readFileSync(path).toString('base64')] as [string, string];
  });
}

const byId = (a: Sample, b: Sample) => (a.id < b.id ? -1 : 1);

describe('what is written is read back: ids, labels, pixels, names', () => {
  test.each([['class-folders'], ['webdataset'], ['ndjson'], ['npz'], ['parquet']] as const)(
    '%s',
    async (format) => {
      const written = await write(target, 8, { format, samplesPerShard: 3, name: 'pets' });
      const dataset = await openDataset(target);
      expect(dataset.info).toEqual({ name: 'pets', format, classes: 3, classNames: NAMES, shape: SHAPE });
      const { samples, bad } = await readAll(dataset);
      expect(bad).toEqual([]);
      expect(samples.sort(byId)).toEqual(written.sort(byId));
    },
  );

  test.each([
    ['idx', [1, 6, 5]],
    ['idx', SHAPE],
    ['cifar-binary', SHAPE],
  ] as const)('%s of %s, whose samples are numbered', async (format, shape) => {
    const writer = await openWriter(target, { ...OPTIONS, name: 'pets', format, shape, samplesPerShard: 3 });
    const labels = [0, 2, 1, 2, 0];
    for (const [i, label] of labels.entries())
      await writer.write({ id: `x${i}`, label, pixels: pixelsOf(i, shape), shape });
    await writer.close();
    const dataset = await openDataset(target);
    expect(dataset.info).toEqual({ name: 'pets', format, classes: 3, classNames: NAMES, shape });
    const { samples, bad } = await readAll(dataset);
    expect(bad).toEqual([]);
    expect(samples.map(({ label, pixels }) => ({ label, pixels }))).toEqual(
      labels.map((label, i) => ({ label, pixels: pixelsOf(i, shape) })),
    );
    expect(new Set(samples.map(({ id }) => id)).size).toBe(5);
  });

  test('IDX and CIFAR are the bytes of their descriptions', async () => {
    const shape = [3, 2, 1] as const;
    for (const format of ['idx', 'cifar-binary'] as const) {
      const writer = await openWriter(join(folder, format), { format, classes: 3, shape, name: 'a' });
      await writer.write({ id: 'x', label: 2, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6), shape });
      await writer.close();
    }
    const bytesOf = (...parts: string[]) => [...readFileSync(join(folder, ...parts))];
    expect(bytesOf('cifar-binary', 'a-000000.bin')).toEqual([2, 1, 2, 3, 4, 5, 6]);
    expect(bytesOf('idx', 'a-labels-idx1-ubyte')).toEqual([0, 0, 8, 1, 0, 0, 0, 1, 2]);
    expect(bytesOf('idx', 'a-images-idx4-ubyte')).toEqual([
      ...[0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3],
      ...[1, 3, 5, 2, 4, 6],
    ]);
  });

  test('a class folder of the description that is missing is named (found by fuzzing)', async () => {
    await write(target, 4, { format: 'class-folders' });
    const [first] = readdirSync(target).sort();
    renameSync(join(target, first!), join(target, 'elsewhere'));
    await expect(openDataset(target)).rejects.toThrow(/expected a class folder at .*, found: ENOENT/);
  });

  test('labels that are bytes end at 255', async () => {
    await expect(openWriter(target, { format: 'idx', classes: 257, shape: SHAPE })).rejects.toThrow(
      /at most 256 classes for idx, found 257/,
    );
  });

  test.each([
    ['webdataset', '.tar'],
    ['ndjson', '.ndjson'],
  ] as const)('%s compressed is the same file', async (format, extension) => {
    const written = await write(`${target}${extension}`, 4, { format });
    const plain = readFileSync(`${target}${extension}`);
    for (const [ending, decompress] of [
      ['.gz', gunzipSync],
      ['.zst', unzstd],
    ] as const) {
      const path = `${target}${extension}${ending}`;
      await write(path, 4, { format });
      expect(plain.equals(decompress(readFileSync(path)))).toBe(true);
      const { samples } = await readAll(await openDataset(path, { classes: 3 }));
      expect(samples.map(({ pixels }) => pixels)).toEqual(written.map(({ pixels }) => pixels));
    }
    expect(readdirSync(folder).length).toBe(3);
  });

  test('Zstandard in many chunks, two files at a time', async () => {
    const options = { format: 'ndjson', name: 'x' } as const;
    const names = ['a', 'b'].map((name) => join(folder, `${name}.ndjson.zst`));
    await Promise.all(names.map((path) => write(path, 1_500, options)));
    await write(`${target}.ndjson`, 1_500, options);
    const plain = readFileSync(`${target}.ndjson`);
    expect(plain.length).toBeGreaterThan(4 * 65_536);
    for (const path of names) expect(plain.equals(unzstd(readFileSync(path)))).toBe(true);
  });

  test('one shard', async () => {
    target += '.tar';
    const written = await write(target, 2);
    const { samples } = await readAll(await openDataset(target, { classes: 3 }));
    expect(samples.map((s) => [s.label, s.pixels])).toEqual(written.map((s) => [s.label, s.pixels]));
    expect(samples[0]!.id).toBe('0001');
  });

  test('many samples, with back-pressure', async () => {
    await write(target, 2_000, { samplesPerShard: 1_500 });
    expect(readdirSync(target)).toEqual(['dataset.json', 'out-000000.tar', 'out-000001.tar']);
    expect((await readAll(await openDataset(target))).samples.length).toBe(2_000);
  });
});

test.each([['class-folders'], ['webdataset'], ['ndjson'], ['npz']] as const)(
  '%s: equal samples give equal bytes',
  async (format) => {
    await write(target, 5, { format, name: 'x' });
    await write(`${target}2`, 5, { format, name: 'x' });
    expect(filesOf(target)).toEqual(filesOf(`${target}2`));
  },
);

test('members have a fixed owner, mode and time', async () => {
  target += '.tar';
  await write(target, 1);
  const header = readFileSync(target).subarray(0, 512).toString('latin1');
  expect(header.slice(0, 8)).toBe('0001.png');
  expect(header.slice(100, 124)).toBe('000644 \x00000000 \x00000000 \x00');
  expect(header.slice(136, 148)).toBe('00000000000 ');
});

test('an unfinished dataset never has its name, and leaves nothing when aborted', async () => {
  const writer = await openWriter(target, OPTIONS);
  await writer.write(sample(1));
  expect(existsSync(target)).toBe(false);
  await writer.abort();
  expect(readdirSync(folder)).toEqual([]);
});

test('takes over from a run that was killed', async () => {
  const killed = await openWriter(target, { ...OPTIONS, format: 'class-folders' });
  await killed.write(sample(1));
  bury(join(folder, workFoldersIn(folder)[0]!));
  await write(target, 3, { format: 'class-folders' });
  expect((await readAll(await openDataset(target))).samples.length).toBe(3);
  expect(readdirSync(folder)).toEqual(['out']);
});

test('an output that is in use is refused and left alone, an empty folder is taken', async () => {
  mkdirSync(target);
  await write(target, 1);
  const before = filesOf(target);
  await expect(openWriter(target, OPTIONS)).rejects.toThrow(
    /expected a new or empty output, found .*out in use; remove/,
  );
  expect(filesOf(target)).toEqual(before);
  writeFileSync(join(folder, 'file.tar'), 'x');
  await expect(openWriter(join(folder, 'file.tar'), OPTIONS)).rejects.toMatchObject({ code: 'output' });
  await expect(openWriter(join(folder, 'x.tgz'), OPTIONS)).rejects.toMatchObject({ code: 'config' });
  await expect(openWriter(join(folder, 'x.tar'), { ...OPTIONS, format: 'class-folders' })).rejects.toThrow(
    /name a folder, or set output.format/,
  );
  await expect(openWriter(join(folder, 'file.tar', 'out'), OPTIONS)).rejects.toThrow(
    /expected to write beside/,
  );
});

test('an output that appears meanwhile is not replaced', async () => {
  const writer = await openWriter(target, OPTIONS);
  await writer.write(sample(1));
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), 'x');
  await expect(writer.close()).rejects.toThrow(/in use/);
  expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('x');
});

test.each([['class-folders'], ['ndjson']] as const)(
  'two writers of one output, %s: the second is refused',
  async (format) => {
    const name = format === 'ndjson' ? `${target}.ndjson` : target;
    const first = await openWriter(name, { ...OPTIONS, format });
    await expect(openWriter(name, { ...OPTIONS, format })).rejects.toMatchObject({ exitCode: 7 });
    await first.write(sample(0));
    await first.write(sample(2));
    expect(await first.close()).toBe(2);
    expect((await readAll(await openDataset(name))).samples.map(({ id }) => id)).toEqual([IDS[0], IDS[2]]);
  },
);

test('a folder that is listed is replaced by a later run, unless there is something else in it', async () => {
  const options = { format: 'class-folders', listed: true, replace: true } as const;
  await write(target, 3, options);
  await write(target, 2, { ...options, synced: true });
  expect((await readAll(await openDataset(target))).samples).toHaveLength(2);
  writeFileSync(join(target, 'mine.png'), 'precious');
  await expect(openWriter(target, { ...OPTIONS, ...options })).rejects.toThrow(/found "mine\.png" in it/);
  expect(readFileSync(join(target, 'mine.png'), 'utf8')).toBe('precious');
  expect(readdirSync(folder)).toEqual(['out']);
});

test('samples that do not fit are refused', async () => {
  const writer = await openWriter(target, OPTIONS);
  await expect(writer.write({ ...sample(1), label: 3 })).rejects.toThrow(
    /labels below 3, found .* label 3 at sample a\/b.c/,
  );
  await expect(writer.write({ ...sample(1), shape: [1, 6, 5] })).rejects.toThrow(
    /expected images of \[3,6,5\].*found \[1,6,5\]/,
  );
  await writer.abort();
});

test('the same id twice in a class is an error, not a loss', async () => {
  const writer = await openWriter(target, { ...OPTIONS, format: 'class-folders' });
  await writer.write(sample(1));
  await expect(writer.write(sample(1))).rejects.toMatchObject({ code: 'output' });
  await writer.abort();
});

test('a file that cannot be written: the error comes at the latest when it is closed, and names the file', async () => {
  const writer = openTarWriter(fileSink(join(folder, 'missing', 'x.tar')));
  await writer.write(sample(1)).catch((error) => expect(error).toMatchObject({ code: 'output' }));
  await expect(writer.close()).rejects.toThrow(
    /expected to write .*x.tar, found: ENOENT.*; check disk space/,
  );
  await expect(writer.write(sample(2))).rejects.toMatchObject({ code: 'output' });
});

test.skipIf(!existsSync('/dev/full'))('a full disk: an error, not the end of the process', async () => {
  const writer = openTarWriter(fileSink('/dev/full'));
  const writeMany = async () => {
    for (let i = 0; i < 500; i++) await writer.write(sample(i));
    await writer.close();
  };
  await expect(writeMany()).rejects.toThrow(/expected to write \/dev\/full, found: ENOSPC/);
});

test('folder names sort like the classes', () => {
  expect(folderNames(3, ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  expect(folderNames(3, ['b', 'a', 'c'])).toEqual(['0-b', '1-a', '2-c']);
  expect(folderNames(2, ['a', 'a/b'])).toEqual(['0-a', '1-a_b']);
  expect(folderNames(11, undefined)).toEqual([
    '00',
    '01',
    '02',
    '03',
    '04',
    '05',
    '06',
    '07',
    '08',
    '09',
    '10',
  ]);
});

test.each([
  ['{"dataelixir":2}', /expected a dataset description of version 1/],
  ['not json', /remove the file to have the folder read without it/],
  [
    '{"dataelixir":1,"name":"x","format":"webdataset","classes":1,"shape":[1,2,3],"samples":1,"parts":["../secret.tar"]}',
    /description/,
  ],
])('refuses the description %s', async (text, message) => {
  mkdirSync(target);
  writeFileSync(join(target, 'dataset.json'), text);
  await expect(openDataset(target)).rejects.toThrow(message);
});
