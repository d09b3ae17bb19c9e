// Every format that is read into every format that is written: labels and pixels stay, image files byte for byte where
// both sides hold files. What is written is also read by others: Python's standard library, and Arrow for Parquet.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Dataset } from '../../src/datasets/dataset.ts';
import { OUTPUT_FORMATS, type OutputFormat } from '../../src/datasets/formats.ts';
import { originalImage } from '../../src/datasets/images/image-file.ts';
import { decodePng } from '../../src/datasets/images/png.ts';
import { openDataset } from '../../src/datasets/open.ts';
import type { Origin } from '../../src/datasets/origin.ts';
import { interleave, type Sample } from '../../src/datasets/sample.ts';
import { holdsImageFiles, openWriter } from '../../src/datasets/writer.ts';
import { tableOf } from '../support/arrow.ts';
import { python, pythonHas } from '../support/python.ts';
import { jpegOf, pixelsOf, pngOf, ppmOf, tar, temporaryFolder } from './make.ts';

const SHAPE = [3, 8, 6] as const;
const NAMES = ['cat', 'dog', 'yak'];
const LABELS = [2, 0, 1, 0, 2, 1, 1];

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

interface Picture {
  readonly sample: Sample;
  readonly origin?: Origin;
}

/** PNG, PPM and JPEG in turn, as others made them; or bare pixels. */
async function picturesFor(format: OutputFormat): Promise<Picture[]> {
  return Promise.all(
    LABELS.map(async (label, i) => {
      const sample: Sample = { id: `s/${i}`, label, pixels: pixelsOf(i, SHAPE), shape: SHAPE };
      if (!holdsImageFiles(format)) return { sample };
      const image = i % 3 === 2 ? await jpegOf(i, SHAPE) : (i % 3 === 1 ? ppmOf : pngOf)(i, SHAPE);
      return {
        sample: i % 3 === 2 ? { ...sample, pixels: await decoded(image) } : sample,
        origin: { image },
      };
    }),
  );
}

/** Pixels of a JPEG, by sharp. */
async function decoded(image: Buffer): Promise<Uint8Array> {
  const data = await sharp(image).raw().toBuffer();
  return Uint8Array.from(data, (_, at) => data[(at % 48) * 3 + Math.floor(at / 48)]!);
}

async function write(target: string, format: OutputFormat, pictures: readonly Picture[]): Promise<string> {
  const writer = await openWriter(target, { format, classes: 3, classNames: NAMES, shape: SHAPE, name: 'x' });
  for (const { sample, origin } of pictures) await writer.write(sample, origin);
  await writer.close();
  return target;
}

async function picturesOf(dataset: Dataset): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for await (const result of dataset.read()) {
    if (!result.ok) throw new Error(result.quarantined.message);
    pictures.push(result);
  }
  return pictures;
}

const base64 = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('base64');

/** What must stay, in an order of its own: class folders are read class beside class. */
function essence(pictures: readonly Picture[], withFiles: boolean): string[] {
  return pictures
    .map(({ sample: { label, pixels, shape }, origin }) =>
      JSON.stringify([label, shape, base64(pixels), withFiles && base64(origin && originalImage(origin))]),
    )
    .sort();
}

describe.each(OUTPUT_FORMATS.map((format) => [format]))('from %s', (from) => {
  test.each(OUTPUT_FORMATS.map((format) => [format]))('to %s', async (to) => {
    const first = await picturesFor(from);
    await write(join(root, 'given'), from, first);
    const given = await openDataset(join(root, 'given'));
    const pictures = await picturesOf(given);
    expect(pictures.length).toBe(LABELS.length);
    await write(join(root, 'out'), to, pictures);
    const out = await openDataset(join(root, 'out'));
    expect(out.info).toMatchObject({ classes: 3, classNames: NAMES, shape: SHAPE });
    const both = holdsImageFiles(from) && holdsImageFiles(to);
    expect(essence(await picturesOf(out), both)).toEqual(essence(first, both));
  });
});

test.each(OUTPUT_FORMATS.map((format) => [format]))('from a tar of class folders to %s', async (to) => {
  const given = await picturesFor('class-folders');
  const members = given.map(({ sample: { label }, origin }, i): [string, Uint8Array] => [
    `set/${NAMES[label]}/${i}.img.png`,
    originalImage(origin!)!,
  ]);
  writeFileSync(join(root, 'a.tar'), await tar(members));
  const pictures = await picturesOf(await openDataset(join(root, 'a.tar')));
  await write(join(root, 'out'), to, pictures);
  const out = await picturesOf(await openDataset(join(root, 'out')));
  const files = holdsImageFiles(to);
  expect(essence(out, files)).toEqual(essence(given, files));
});

interface Seen {
  readonly label: number;
  readonly shape: readonly number[];
  readonly pixels: string;
}

const sorted = (seen: readonly Seen[]) => seen.map((one) => JSON.stringify(one)).sort();

describe('others read what is written', () => {
  const bare = LABELS.map(
    (label, i): Sample => ({ id: `s/${i}`, label, pixels: pixelsOf(i, SHAPE), shape: SHAPE }),
  );
  const expected = bare.map(
    ({ label, pixels }): Seen => ({ label, shape: [8, 6, 3], pixels: base64(interleave(pixels, SHAPE))! }),
  );
  const given = bare.map((sample) => ({ sample }));

  const formats = OUTPUT_FORMATS.filter((format) => format !== 'parquet').map((format) => [format] as const);
  test.skipIf(!pythonHas('tarfile', 'zipfile', 'zlib')).each(formats)(
    "Python's standard library: %s",
    async (format) => {
      const target = await write(join(root, 'out'), format, given);
      const program = readFileSync('test/support/read_dataset.py', 'utf8');
      const lines = python(program, format, target).trimEnd().split('\n');
      expect(sorted(lines.map((line): Seen => JSON.parse(line)))).toEqual(sorted(expected));
    },
  );

  test('Arrow: parquet', async () => {
    const target = await write(join(root, 'out'), 'parquet', given);
    const [file] = readdirSync(target).filter((name) => name.endsWith('.parquet'));
    const rows = tableOf(readFileSync(join(target, file!))).toArray();
    const seen = rows.map(({ image, label }): Seen => {
      const { pixels } = decodePng(image.bytes, 2 ** 20);
      return { label: Number(label), shape: [8, 6, 3], pixels: base64(interleave(pixels, SHAPE))! };
    });
    expect(seen).toEqual(expected);
  });
});
