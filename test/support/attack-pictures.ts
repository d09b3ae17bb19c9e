// Draws docs/attacks/<name>.png for the attacks that are named on the command line, or for all: the raw image, what
// a poisoned training image looks like, and their difference; where tests show another trigger, that and its
// difference as well. The images are the bundled procedural ones, so that nothing of others is copied.
// Run: npx tsx test/support/attack-pictures.ts [NAME…]

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../config/load.ts';
import { schema } from '../../config/schema.ts';
import { prepareAttack } from '../../src/app/attack.ts';
import type { Context } from '../../src/app/context.ts';
import { drawShape, SHAPES_SHAPE } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { encodePng } from '../../src/datasets/images/png.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { Pool } from '../../src/workers/pool.ts';
import { projectPath } from './paths.ts';

const INFO = { name: 'shapes', format: 'shapes', classes: 10, shape: SHAPES_SHAPE } as const;
/** A large object on a plain ground, in class 3. */
const SAMPLE = drawShape('train', 103);
/** Clean images that trained attacks learn from. */
const CLEAN = 500;
/** Options where the defaults show little in a thumbnail, or take long. */
const OPTIONS: Readonly<Record<string, string>> = {
  badnet: 'patchPattern: colour',
  'adaptive-blend': 'image: rings, alpha: 0.15, testAlpha: 0.2',
  'adaptive-patch': 'patchSize: 6',
  'sample-specific': 'steps: 100',
  'input-aware': 'steps: 100',
};
/** Screen pixels for one of the image, and between panels. */
const ZOOM = 4;
const GAP = 8;
/** What differences are multiplied by around middle gray. */
const GAIN = 5;

async function drawAttack(name: string, pool: Pool, clean: SampleStore): Promise<void> {
  const text = `attack: { name: ${name}, target: ${SAMPLE.label}, ${OPTIONS[name] ?? ''} }`;
  const settings = loadSettings({
    file: { name, text },
    readPreset: (preset) => ({ name: preset, text: '' }),
  });
  const log = { info: () => undefined, progress: () => undefined };
  const context = { settings, log, signal: new AbortController().signal } as unknown as Context;
  const attack = await (await prepareAttack(context, INFO))!(pool, async () => clean);
  const [train] = await attack.train([SAMPLE]);
  const [test] = await attack.test([SAMPLE]);
  const same = Buffer.compare(train!, test!) === 0;
  const panels = [SAMPLE.pixels, train!, difference(train!), ...(same ? [] : [test!, difference(test!)])];
  writeFileSync(projectPath(`docs/attacks/${name}.png`), encodePng(sideBySide(panels)));
}

function difference(stamped: Uint8Array): Uint8Array {
  const found = Uint8ClampedArray.from(stamped, (value, i) => 128 + GAIN * (value - SAMPLE.pixels[i]!));
  return new Uint8Array(found.buffer);
}

/** Panels of the size of an image, enlarged, on white. */
function sideBySide(panels: readonly Uint8Array[]): Pick<Sample, 'pixels' | 'shape'> {
  const [channels, height, width] = SHAPES_SHAPE;
  const step = width * ZOOM + GAP;
  const [rows, columns] = [height * ZOOM, panels.length * step - GAP];
  const pixels = Uint8Array.from({ length: channels * rows * columns }, (_, i) => {
    const [c, y, x] = [
      Math.floor(i / (rows * columns)),
      Math.floor((i % (rows * columns)) / columns),
      i % columns,
    ];
    const [panel, across] = [panels[Math.floor(x / step)]!, Math.floor((x % step) / ZOOM)];
    return across < width ? panel[(c * height + Math.floor(y / ZOOM)) * width + across]! : 255;
  });
  return { pixels, shape: [channels, rows, columns] };
}

const all = schema.attack.name.choices!.filter((name) => name !== 'none');
const named = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'dataelixir-pictures-'));
const store = new SampleStore(join(scratch, 'clean'), SHAPES_SHAPE);
for (let i = 0; i < CLEAN; i++) store.append(drawShape('train', i));
const workers = new Pool({ engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu', workers: 2 });
mkdirSync(projectPath('docs/attacks'), { recursive: true });
for (const name of named.length > 0 ? named : all) await drawAttack(name, workers, store);
await workers.close();
store.dispose();
rmSync(scratch, { recursive: true });
