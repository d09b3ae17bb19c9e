// `tsx test/bench/follow.ts [PASSES] [folder|file]`: whether a program that follows a dataset for days needs more and
// more memory. It follows a folder of 40 small images, of which one goes and another comes with every pass, so that
// passes differ and the dataset keeps its size; or a file of NDJSON to which a line is added. After each pass the memory that the process holds is asked for (Linux). One JSON object on
// stdout: MiB at a tenth of the passes and at the end (medians of as many passes), and seconds a pass.

import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawShape, SHAPES_SHAPE } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { encodePng } from '../../src/datasets/images/png.ts';
import { lines } from '../../src/files/lines.ts';
import { SOURCE } from '../cli/program.ts';

const CONFIG = `
seed: 5
workers: 1
logLevel: error
dataset: { train: [SOURCE], classes: 10 }
classifier: { widths: [4, 8], epochs: 2, batch: 20, learningRate: 0.05 }
benign: { fineTuneEpochs: 1 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 1, steps: 1, batch: 8 }
detect: { canaries: 4, window: 20 }
state: { path: state }
follow: { enabled: true, quiet: 0.1, interval: 0 }
`;
const IMAGES = 40;
const CLASSES = 4;

const folder = mkdtempSync(join(tmpdir(), 'dataelixir-follow-'));

/** A source that changes. */
interface Kind {
  readonly source: string;
  add(n: number): void;
  /** Takes away what came so long ago, where the source keeps its size. */
  remove(n: number): void;
}

const pngOf = (n: number) => encodePng({ pixels: drawShape('train', n % 2000).pixels, shape: SHAPES_SHAPE });
const pathOf = (n: number) => join(folder, 'images', String(n % CLASSES), `${n}.png`);

const KINDS: Readonly<Record<string, Kind>> = {
  folder: {
    source: 'images',
    add: (n) => writeFileSync(pathOf(n), pngOf(n)),
    remove: (n) => rmSync(pathOf(n), { force: true }),
  },
  file: {
    source: 'images.ndjson',
    add(n) {
      const image = Buffer.from(pngOf(n)).toString('base64');
      appendFileSync(
        join(folder, 'images.ndjson'),
        `${JSON.stringify({ id: `${n}`, label: n % CLASSES, image })}\n`,
      );
    },
    remove: () => undefined,
  },
};

/** MiB that a process holds in memory. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function main(passes: number, { source, add, remove }: Kind): Promise<void> {
  writeFileSync(join(folder, 'config.yaml'), CONFIG.replace('SOURCE', source));
  for (let label = 0; label < CLASSES; label++)
    mkdirSync(join(folder, 'images', `${label}`), { recursive: true });
  for (let n = 0; n < IMAGES; n++) add(n);
  const child = spawn(process.execPath, [...SOURCE, 'purify', '--config', 'config.yaml'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const memory: number[] = [];
  const begin = performance.now();
  for await (const _ of lines(child.stdout)) {
    memory.push(memoryOf(child.pid!));
    if (memory.length % 25 === 0)
      process.stderr.write(`pass ${memory.length}: ${memory.at(-1)!.toFixed(0)} MiB\n`);
    if (memory.length >= passes) child.kill('SIGTERM');
    remove(memory.length - 1);
    add(IMAGES + memory.length - 1);
  }
  const some = Math.ceil(passes / 10);
  const [early, late] = [memory.slice(some, 2 * some), memory.slice(-some)].map((part) =>
    Math.round(median(part)),
  );
  const seconds = (performance.now() - begin) / 1000 / passes;
  process.stdout.write(
    `${JSON.stringify({ passes: memory.length, early, late, peak: Math.round(Math.max(...memory)), seconds: Number(seconds.toFixed(2)) })}\n`,
  );
}

try {
  await main(Number(process.argv[2] ?? 300), KINDS[process.argv[3] ?? 'folder']!);
} finally {
  rmSync(folder, { recursive: true });
}
