// `npm run decoders -- FOLDER`: images of others, decoded by this project and by Pillow, which is neither ours nor libvips,
// and compared pixel by pixel. All files of the folder whose names are those of images are read, and, as paths, those that are
// different or refused by one alone are named, with the reason. The table goes to stdout; exit code 1 where a pixel differs by
// more than the bound of its kind. `PYTHON` names another Python than /usr/bin/python3; without Pillow nothing is compared.

import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import sharp from 'sharp';
import { decodeImage, isImageName } from '../../src/datasets/images/image.ts';
import { shapeInHeader } from '../../src/datasets/images/image-header.ts';
import { imageKind } from '../../src/datasets/images/image-kind.ts';
import { DEFAULT_MAX_PIXELS } from '../../src/datasets/open.ts';
import { interleave } from '../../src/datasets/sample.ts';
import { SampleError } from '../../src/errors.ts';
import { type Decoded, Pillow, pillowVersion } from './pillow.ts';

/** How far apart pixels may be, of 255: the largest difference, and the mean over an image. */
interface Bound {
  readonly largest: number;
  readonly mean: number;
}

const EXACT: Bound = { largest: 0, mean: 0 };
/** Decoders may round the cosine transform and the colors otherwise. */
const LOSSY: Bound = { largest: 3, mean: 0.5 };
/** Pillow cuts the lower byte of colors off, which is rounded here. */
const WIDE: Bound = { largest: 1, mean: 0.5 };

/** What is different for a reason that is known, by the end of the path. */
const EXPLAINED: readonly (readonly [RegExp, string])[] = [
  [
    /(pal8badindex\.bmp|invalid-palette\.png|invalid-colors\.gif)$/,
    'beyond the end of a palette is black here, and gray by its index in Pillow',
  ],
  [
    /(pal4rle|pal4rletrns|pal8rletrns)\.bmp$/,
    'Pillow 9.4 puts these run lengths wrong; pal4rle.bmp is to be the image of pal4.bmp, and is here',
  ],
  [/badrle\.bmp$/, 'its run lengths are damaged'],
  [/16bit_RGBa\.tiff$/, 'colors that were multiplied by alpha stay so here'],
];

const OUTCOMES = [
  'equal',
  'within',
  'explained',
  'different',
  'refused by both',
  'by us alone',
  'by Pillow alone',
] as const;
type Outcome = (typeof OUTCOMES)[number];

interface Compared {
  readonly outcome: Outcome;
  /** For people; empty where there is nothing to say. */
  readonly reason: string;
}

function kindOf(bytes: Uint8Array, name: string): string {
  return imageKind(bytes) ?? `no ${extname(name).slice(1).toUpperCase()}`;
}

/** RGB, pixel by pixel, as a dataset gets it; or why it is refused. */
async function ours(bytes: Uint8Array): Promise<Omit<Decoded, 'mode'> | string> {
  try {
    const { shape, pixels } = await decodeImage(bytes, DEFAULT_MAX_PIXELS);
    const promised = await shapeInHeader(bytes);
    if (promised && promised.join() !== shape.join()) {
      throw new Error(`the header says ${promised.join('×')}, the image has ${shape.join('×')}`);
    }
    const [channels, height, width] = shape;
    const values = interleave(pixels, shape);
    const rgb =
      channels === 3
        ? values
        : Uint8Array.from({ length: 3 * values.length }, (_, i) => values[Math.floor(i / 3)]!);
    return { width, height, pixels: rgb };
  } catch (error) {
    if (error instanceof SampleError) return error.message;
    throw error;
  }
}

async function boundOf(kind: string, bytes: Uint8Array): Promise<Bound> {
  if (kind === 'JPEG' || kind === 'WebP') return LOSSY;
  const header =
    kind === 'PNG' || kind === 'TIFF'
      ? await sharp(bytes)
          .metadata()
          .catch(() => undefined)
      : undefined;
  return header?.depth === 'ushort' ? WIDE : EXACT;
}

function compare(one: Omit<Decoded, 'mode'> | string, other: Decoded | string, bound: Bound): Compared {
  if (typeof one === 'string' && typeof other === 'string') return { outcome: 'refused by both', reason: '' };
  if (typeof one === 'string') {
    const { mode } = other as Decoded;
    return { outcome: 'by us alone', reason: `${one} [Pillow: ${mode}]` };
  }
  if (typeof other === 'string') return { outcome: 'by Pillow alone', reason: other };
  if (one.width !== other.width || one.height !== other.height) {
    const reason = `${one.width}×${one.height} instead of ${other.width}×${other.height} [Pillow: ${other.mode}]`;
    return { outcome: 'different', reason };
  }
  let [largest, sum] = [0, 0];
  for (let i = 0; i < one.pixels.length; i++) {
    const difference = Math.abs(one.pixels[i]! - other.pixels[i]!);
    largest = Math.max(largest, difference);
    sum += difference;
  }
  const mean = sum / one.pixels.length;
  const reason = `largest ${largest}, mean ${mean.toFixed(3)} [Pillow: ${other.mode}]`;
  if (largest === 0) return { outcome: 'equal', reason: '' };
  return { outcome: largest <= bound.largest && mean <= bound.mean ? 'within' : 'different', reason };
}

function explained({ outcome, reason }: Compared, path: string): Compared {
  const known = outcome === 'different' && EXPLAINED.find(([pattern]) => pattern.test(path));
  return known ? { outcome: 'explained', reason: `${reason} (${known[1]})` } : { outcome, reason };
}

function table(rows: ReadonlyMap<string, ReadonlyMap<Outcome, number>>): string {
  const sum = (counts: ReadonlyMap<Outcome, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
  const lines = [...rows].sort().map(([kind, counts]) => {
    return [kind, sum(counts), ...OUTCOMES.map((outcome) => counts.get(outcome) ?? 0)];
  });
  const head = ['kind', 'files', ...OUTCOMES];
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |\n`).join('');
}

async function main(folder: string, python: string): Promise<number> {
  const version = pillowVersion(python);
  if (version === undefined) {
    process.stdout.write(
      `skipped: expected Pillow as a second decoder, found none for ${python}; install it (Debian: python3-pil), or set PYTHON\n`,
    );
    return 0;
  }
  const pillow = new Pillow(python);
  const rows = new Map<string, Map<Outcome, number>>();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && isImageName(entry.name));
  for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    const bytes = readFileSync(path);
    const kind = kindOf(bytes, path);
    const compared = compare(await ours(bytes), await pillow.decode(path), await boundOf(kind, bytes));
    const { outcome, reason } = explained(compared, path);
    const counts = rows.get(kind) ?? new Map<Outcome, number>();
    rows.set(kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    if (reason !== '') process.stderr.write(`${outcome} · ${kind} · ${relative(folder, path)} · ${reason}\n`);
  }
  await pillow.close();
  process.stdout.write(`Pillow ${version}\n${table(rows)}`);
  return [...rows.values()].some((counts) => counts.has('different')) ? 1 : 0;
}

const folder = process.argv[2] ?? process.env.DECODERS;
if (folder === undefined) {
  process.stderr.write('expected a folder of images, found none; npm run decoders -- FOLDER\n');
  process.exitCode = 2;
} else process.exitCode = await main(folder, process.env.PYTHON ?? '/usr/bin/python3');
