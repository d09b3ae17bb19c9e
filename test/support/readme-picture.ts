// Draws docs/images/repair.png from the record of `npm run demo`: the trigger as it was recovered, large, and beside it
// the samples that weigh most against the attacked class, as they came (above) and as they left (below).
// Run: npm run demo && npx tsx test/support/readme-picture.ts [RECORD]

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePng, encodePng } from '../../src/datasets/images/png.ts';
import { projectPath } from './paths.ts';

/** Screen pixels for one of an image, and between images. */
const ZOOM = 3;
const GAP = 6;
const SAMPLES = 6;
/** As `evidence/samples-<label>.png` has them in a row. */
const IN_A_ROW = 8;
const MOST_PIXELS = 2 ** 20;

const record = process.argv[2] ?? projectPath('record/demo');
const [label] = readJson('verdict.json').targetLabels;
const { classNames, shape } = readJson('purified/dataset.json');
const [channels, size] = shape as [number, number, number];
const raw = picture(`evidence/samples-${label}.png`);
const trigger = picture(`evidence/trigger-${label}.png`);
const repaired = readLines(`evidence/samples-${label}.ndjson`).flatMap(({ id }, n) => {
  const path = classNames.map((name: string) => `purified/${name}/${id}.png`).find(isThere);
  return path === undefined ? [] : [{ n, image: picture(path) }];
});

const step = size * ZOOM + GAP;
const big = 2 * step - GAP;
const [height, width] = [big, big + GAP + SAMPLES * step - GAP];
const pixels = new Uint8Array(channels * height * width).fill(255);
put(trigger, [0, 0], [0, 0], big);
repaired.slice(0, SAMPLES).forEach(({ n, image }, column) => {
  const x = big + GAP + column * step;
  put(raw, [Math.floor(n / IN_A_ROW) * size, (n % IN_A_ROW) * size], [0, x], size * ZOOM);
  put(image, [0, 0], [step, x], size * ZOOM);
});
mkdirSync(projectPath('docs/images'), { recursive: true });
writeFileSync(projectPath('docs/images/repair.png'), encodePng({ pixels, shape: [channels, height, width] }));

/** Enlarges a square of the dataset's size out of an image, to so many screen pixels a side. */
function put(from: ReturnType<typeof picture>, [top, left]: Place, [y0, x0]: Place, side: number): void {
  const [, rows, columns] = from.shape;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const [fy, fx] = [Math.floor((y * size) / side), Math.floor((x * size) / side)];
        const value = from.pixels[(c * rows + top + fy) * columns + left + fx]!;
        pixels[(c * height + y0 + y) * width + x0 + x] = value;
      }
    }
  }
}

type Place = readonly [y: number, x: number];

function picture(path: string) {
  return decodePng(readFileSync(join(record, path)), MOST_PIXELS);
}

function readJson(path: string) {
  return JSON.parse(readFileSync(join(record, path), 'utf8'));
}

function readLines(path: string): { readonly id: string }[] {
  const lines = readFileSync(join(record, path), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function isThere(path: string): boolean {
  return existsSync(join(record, path));
}
