// Small good datasets of every format, as files by name, and what a damaged one may give: samples that fit, quarantine
// entries with file, offset and reason, or a refusal. What was read of one can also be written and read again.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect } from 'vitest';
import { ZipFile } from 'yazl';
import type { DatasetOptions } from '../../src/datasets/dataset.ts';
import { idFault } from '../../src/datasets/distinct.ts';
import { OUTPUT_FORMATS, type OutputFormat } from '../../src/datasets/formats.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import { DatasetError } from '../../src/errors.ts';
import { idx, jpegOf, pixelsOf, pngOf, ppmOf, rawPng, tar } from '../datasets/make.ts';
import { npy } from './structures/npy.ts';
import { expectMessage, expectNoCanary, expectRefusal, type Outcome, type Target } from './target.ts';

interface Source {
  readonly name: string;
  readonly files: Readonly<Record<string, Buffer>>;
  /** What to open: a file, or the folder itself. */
  readonly open: string;
  readonly options?: (root: string) => DatasetOptions;
}

const RGB = [3, 5, 4] as const;
const GRAY = [1, 5, 4] as const;
const GZIPPED = /^(webdataset tar|class folders tar|ndjson|cifar)$/;

const MAX_RESULTS = 1000;
const MAX_PIXELS = 2 ** 20;

export async function datasetTargets(): Promise<Target[]> {
  const sources = await makeSources();
  return sources.map((source) => ({ ...source, read: (root) => read(source, root) }));
}

async function makeSources(): Promise<Source[]> {
  const jpeg = await jpegOf(1, RGB);
  const images: Record<string, Buffer> = {
    'a/png.png': pngOf(1, RGB),
    'a/jpeg.jpg': jpeg,
    'b/ppm.ppm': ppmOf(2, RGB),
    'b/palette.png': rawPng({ width: 4, height: 5, depth: 8, type: 3 }, Buffer.alloc(25), [
      ['PLTE', Buffer.from([1, 2, 3])],
    ]),
  };
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const lines = Object.values(images).map((bytes, i) =>
    JSON.stringify({ id: `n${i}`, label: i % 3, image: base64(bytes), more: [i] }),
  );
  const paths = ['1', '9007199254740993', '"a/b"', '"ü"'].map(
    (id, i) => `{"id":${id},"label":"${i % 2 ? 'dog' : 'cat'}","path":"./inside.png","more":{"at":[${i}]}}`,
  );
  const shards = Object.entries(images).flatMap(([name, bytes], i): [string, Uint8Array | string][] => [
    [name, bytes],
    i % 2 ? [name.replace(/\w+$/, 'cls'), String(i)] : [name.replace(/\w+$/, 'json'), `{"label":${i}}`],
  ]);
  const pixels = Buffer.concat([0, 1, 2].map((i) => pixelsOf(i, GRAY)));
  const records = [0, 1, 2].map((i) => Buffer.concat([Uint8Array.of(i), pixelsOf(i, [3, 32, 32])]));
  const one = (name: string, file: string, bytes: Buffer, options?: DatasetOptions): Source => ({
    name,
    files: { [file]: bytes },
    open: file,
    ...(options && { options: () => options }),
  });
  const plain: Source[] = [
    { name: 'class folders', files: images, open: '.' },
    one('webdataset tar', 'a.tar', await tar(shards), { classes: 4 }),
    one('class folders tar', 'b.tar', await tar(Object.entries(images))),
    one('ndjson', 'a.ndjson', Buffer.from(lines.join('\n'))),
    {
      name: 'ndjson of paths',
      files: { 'a.ndjson': Buffer.from(paths.join('\n')), 'inside.png': pngOf(3, RGB) },
      open: 'a.ndjson',
    },
    one('cifar', 'a.bin', Buffer.concat(records)),
    {
      name: 'idx',
      files: { 'a-images': idx([3, 5, 4], pixels), 'a-labels': idx([3], Uint8Array.of(0, 1, 2)) },
      open: 'a-images',
      options: (root: string) => ({ labels: join(root, 'a-labels') }),
    },
    one('npz of numpy', 'b.npz', await numpyArchive()),
    one('parquet', 'a.parquet', parquet(Object.values(images))),
    one('parquet of gzip', 'b.parquet', parquet(Object.values(images), 'GZIP')),
    ...(await Promise.all(OUTPUT_FORMATS.map(written))),
  ];
  const gzipped = plain.filter(({ name }) => GZIPPED.test(name));
  return [
    ...plain,
    ...gzipped.map(({ name, files, open, options }) => ({
      ...one(`${name} gzipped`, `${open}.gz`, gzipSync(files[open]!)),
      ...(options && { options }),
    })),
  ];
}

/** A group for each image, so that damage of one leaves the others. */
function parquet(images: readonly Buffer[], codec: 'SNAPPY' | 'GZIP' = 'SNAPPY'): Buffer {
  const bytes = parquetWriteBuffer({
    codec,
    compressors: { GZIP: (input) => gzipSync(input) },
    schema: [
      { name: 'schema', num_children: 4 },
      { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
      { name: 'label', type: 'INT64' },
      { name: 'caption', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
      { name: 'sizes', repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { name: 'element', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
    ],
    columnData: [
      { name: 'image', data: images.map((image, i) => ({ bytes: image, path: `${i}.png` })) },
      { name: 'label', data: images.map((_, i) => BigInt(i)) },
      { name: 'caption', data: images.map((_, i) => (i % 3 === 0 ? null : `caption ${i}`)) },
      { name: 'sizes', data: images.map((_, i) => Array.from({ length: i }, () => i)) },
    ],
    rowGroupSize: 1,
  });
  return Buffer.from(bytes);
}

/** What this project writes, with its description. */
async function written(format: OutputFormat): Promise<Source> {
  const root = mkdtempSync(join(tmpdir(), 'dataelixir-fuzz-'));
  try {
    const target = join(root, 'out');
    const writer = await openWriter(target, { name: 'a', format, classes: 3, shape: RGB });
    for (let i = 0; i < 4; i++) {
      const sample: Sample = { id: `s${i}`, label: i % 3, pixels: pixelsOf(i, RGB), shape: RGB };
      await writer.write(sample);
    }
    await writer.close();
    const found = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const paths = found.map((entry) => join(entry.parentPath, entry.name)).sort();
    const files = paths.map((path) => [path.slice(target.length + 1), readFileSync(path)]);
    return { name: `written ${format}`, files: Object.fromEntries(files), open: '.' };
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Compressed, with names of four bytes a character, images as PyTorch has them, and arrays beside them. */
async function numpyArchive(): Promise<Buffer> {
  const archive = new ZipFile();
  const ids = Buffer.concat(['a', 'ü', 'a/c', '😀'].map((id) => Buffer.from(id.padEnd(3, '\0'), 'utf16le')));
  const utf32 = Buffer.alloc(4 * 3 * 4);
  for (let i = 0; i < 12; i++) utf32.writeUInt32LE(ids.readUInt16LE(2 * i), 4 * i);
  const header = (type: string, shape: string) =>
    `${`{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117)}\n`;
  const arrays = {
    x_train: npy(header('|u1', '4, 3, 5, 4'), Buffer.concat([0, 1, 2, 3].map((i) => pixelsOf(i, RGB)))),
    y_train: npy(header('>i2', '4, 1'), Buffer.from([0, 0, 0, 1, 0, 2, 0, 1])),
    ids: npy(header('<U3', '4,'), utf32),
    x_test: npy(header('|u1', '1, 3, 5, 4'), Buffer.from(pixelsOf(9, RGB))),
    y_test: npy(header('|u1', '1,'), Buffer.from([1])),
  };
  for (const [name, bytes] of Object.entries(arrays))
    archive.addBuffer(bytes, `${name}.npy`, { mtime: new Date(0) });
  archive.end();
  return buffer(archive.outputStream);
}

async function read({ open, options }: Source, root: string): Promise<Outcome> {
  let bad = 0;
  let all = 0;
  try {
    const dataset = await openDataset(join(root, open), { maxPixels: MAX_PIXELS, ...options?.(root) });
    const { shape, classes: count } = dataset.info;
    const size = shape.reduce((product, extent) => product * extent);
    for await (const result of dataset.read()) {
      if (++all > MAX_RESULTS) throw new Error(`more than ${MAX_RESULTS} results`);
      if (!result.ok) {
        bad++;
        const { source: file, offset, message } = result.quarantined;
        expect(file.startsWith(root), file).toBe(true);
        expect(Number.isSafeInteger(offset) && offset >= 0, `offset ${offset}`).toBe(true);
        expectMessage(message);
      } else {
        const { id, label, pixels } = result.sample;
        expect(idFault(id)).toBe(undefined);
        expectNoCanary(id);
        expectNoCanary(pixels);
        expect(pixels.length).toBe(size);
        expect(Number.isInteger(label) && label >= 0 && label < count, `label ${label}`).toBe(true);
      }
    }
  } catch (error) {
    return expectRefusal(error, DatasetError);
  }
  return bad > 0 ? 'samples set aside' : 'all read';
}
