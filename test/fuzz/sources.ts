// Small good datasets of every format, as files by name; the fuzzer damages one of the files.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { OUTPUT_FORMATS, type OutputFormat } from '../../src/datasets/formats.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import { idx, jpegOf, pixelsOf, pngOf, ppmOf, rawPng, tar } from '../datasets/make.ts';

export interface Source {
  readonly name: string;
  readonly files: Readonly<Record<string, Buffer>>;
  /** What to open: a file, or the folder itself. */
  readonly open: string;
}

const RGB = [3, 5, 4] as const;
const GRAY = [1, 5, 4] as const;
const GZIPPED = /^(webdataset tar|class folders tar|ndjson|cifar)$/;

export async function makeSources(): Promise<Source[]> {
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
  const shards = Object.entries(images).flatMap(([name, bytes], i): [string, Uint8Array | string][] => [
    [name, bytes],
    i % 2 ? [name.replace(/\w+$/, 'cls'), String(i)] : [name.replace(/\w+$/, 'json'), `{"label":${i}}`],
  ]);
  const pixels = Buffer.concat([0, 1, 2].map((i) => pixelsOf(i, GRAY)));
  const records = [0, 1, 2].map((i) => Buffer.concat([Uint8Array.of(i), pixelsOf(i, [3, 32, 32])]));
  const one = (name: string, file: string, bytes: Buffer): Source => ({
    name,
    files: { [file]: bytes },
    open: file,
  });
  const plain = [
    { name: 'class folders', files: images, open: '.' },
    one('webdataset tar', 'a.tar', await tar(shards)),
    one('class folders tar', 'b.tar', await tar(Object.entries(images))),
    one('ndjson', 'a.ndjson', Buffer.from(lines.join('\n'))),
    one('cifar', 'a.bin', Buffer.concat(records)),
    {
      name: 'idx',
      files: { 'a-images': idx([3, 5, 4], pixels), 'a-labels': idx([3], Uint8Array.of(0, 1, 2)) },
      open: 'a-images',
    },
    one('parquet', 'a.parquet', parquet(Object.values(images))),
    ...(await Promise.all(OUTPUT_FORMATS.map(written))),
  ];
  const gzipped = plain.filter(({ name }) => GZIPPED.test(name));
  return [
    ...plain,
    ...gzipped.map(({ name, files, open }) => one(`${name} gzipped`, `${open}.gz`, gzipSync(files[open]!))),
  ];
}

/** A group for each image, so that damage of one leaves the others. */
function parquet(images: readonly Buffer[]): Buffer {
  const bytes = parquetWriteBuffer({
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
