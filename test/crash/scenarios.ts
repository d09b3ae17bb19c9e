// What is killed: a run of each kind, with what was there before it. Images and networks are tiny, so that a run takes a
// second and most of it is what could be left half done.

import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { tinySamples } from '../cli/tiny-networks.ts';
import { pngOf } from '../support/pictures.ts';
import type { Lab } from './lab.ts';

/** A time in the life of sources that are followed. */
export interface Stage {
  /** How many there are. */
  readonly samples: number;
  /** What happens to the sources once a pass has seen all of them; the last stage is followed by the end. */
  readonly next?: (lab: Lab) => void;
}

export interface Scenario {
  readonly name: string;
  /** Puts inputs into the lab, and runs what was run before. */
  readonly prepare: (lab: Lab) => Promise<void>;
  /** The command that is killed, and called again. */
  readonly args: readonly string[];
  /** Of a run that follows. */
  readonly stages?: readonly Stage[];
  /** Run when all is done, once. */
  readonly finally?: readonly string[];
  readonly states: readonly string[];
}

const SHAPE = [1, 8, 8] as const;
const CONFIG = ['--config', 'config.yaml', '--dataset-classes', '4', '--log-level', 'info'];
const OBSERVER = ['--observer-path', 'observer.onnx'];
const FOLLOW = ['--follow', '--follow-quiet', '0.2', '--follow-interval', '0.1'];

const purify = (source: string, ...more: readonly string[]) => ['purify', source, ...CONFIG, ...more];
const lines = (from: number, to: number) =>
  tinySamples(to)
    .split(/(?<=\n)/)
    .slice(from);

/** Class folders of the images from one number to another. */
function folders(lab: Lab, from: number, to: number): void {
  for (const label of [0, 1, 2]) mkdirSync(lab.at(`data/${label}`), { recursive: true });
  for (let n = from; n < to; n++) writeFileSync(lab.at(`data/${n % 3}/${n}.png`), pngOf(n, SHAPE));
}

function parquet(lab: Lab, count: number): void {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const bytes = parquetWriteBuffer({
    schema: [
      { name: 'schema', num_children: 2 },
      { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
      { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
      { name: 'path', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL', converted_type: 'UTF8' },
      { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
    ],
    columnData: [
      { name: 'image', data: numbers.map((n) => ({ bytes: pngOf(n, SHAPE), path: `${n}.png` })) },
      { name: 'label', data: numbers.map((n) => BigInt(n % 3)) },
    ],
    rowGroupSize: 10,
  });
  writeFileSync(lab.at('data.parquet'), Buffer.from(bytes));
}

const TO_FOLDERS = purify('data', '--state', 'S', '--output-path', 'out');
const TO_PARQUET = purify(
  'data.parquet',
  ...['--state', 'S', '--output-format', 'parquet', '--output-path', 'out.parquet'],
);
const CHANGES = purify(
  'log.ndjson',
  ...['--state', 'S', '--output-path', '-', '--output-changes', '--save-folder-name', 'log'],
);

const TRAINING = [
  'purify',
  '--config',
  'shapes.yaml',
  '--log-level',
  'info',
  '--state',
  'S',
  '--dataset-limit',
];
const SHAPES = `
seed: 5
workers: 1
dataset: { name: shapes, train: ['shapes:train'], classes: 10 }
classifier: { widths: [4, 8], epochs: 12, batch: 20, learningRate: 0.05 }
denoiser: { path: trained.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 2, steps: 2, keep: 2, batch: 8 }
detect: { rule: divergence, threshold: 0, sides: two-sided, minority: 2, window: 15 }
`;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'training',
    prepare: async (lab) => {
      writeFileSync(lab.at('shapes.yaml'), SHAPES);
      await lab.run([...TRAINING, '20']);
    },
    args: [...TRAINING, '40'],
    states: ['S'],
  },
  {
    name: 'class-folders',
    prepare: async (lab) => {
      folders(lab, 0, 15);
      await lab.run(TO_FOLDERS);
      folders(lab, 15, 24);
      rmSync(lab.at('data/0/0.png'));
    },
    args: TO_FOLDERS,
    states: ['S'],
  },
  {
    name: 'parquet',
    prepare: async (lab) => {
      parquet(lab, 15);
      await lab.run(TO_PARQUET);
      parquet(lab, 24);
    },
    args: TO_PARQUET,
    states: ['S'],
  },
  {
    name: 'changes',
    prepare: async (lab) => {
      writeFileSync(lab.at('log.ndjson'), lines(0, 15).join(''));
      await lab.run(CHANGES);
      writeFileSync(lab.at('log.ndjson'), lines(3, 24).join(''));
    },
    args: CHANGES,
    states: ['S'],
  },
  {
    name: 'merge',
    prepare: async (lab) => {
      writeFileSync(lab.at('a.ndjson'), lines(0, 12).join(''));
      writeFileSync(lab.at('b.ndjson'), lines(12, 24).join(''));
      writeFileSync(lab.at('all.ndjson'), lines(0, 24).join(''));
      for (const [source, state] of [
        ['a.ndjson', 'S'],
        ['b.ndjson', 'T'],
      ] as const) {
        await lab.run(purify(source, ...OBSERVER, '--state', state, '--save-folder-name', state));
      }
    },
    args: ['merge', 'S', 'T', '--state', 'U'],
    finally: purify('all.ndjson', ...OBSERVER, '--state', 'U', '--output-path', 'out'),
    states: ['S', 'T', 'U'],
  },
  {
    name: 'follow-folders',
    prepare: async (lab) => folders(lab, 0, 12),
    args: [...TO_FOLDERS, ...FOLLOW],
    stages: [
      {
        samples: 12,
        next: (lab) => {
          folders(lab, 12, 18);
          rmSync(lab.at('data/0/0.png'));
        },
      },
      { samples: 17 },
    ],
    states: ['S'],
  },
  {
    name: 'follow-changes',
    prepare: async (lab) => writeFileSync(lab.at('log.ndjson'), lines(0, 12).join('')),
    args: [...CHANGES.filter((arg) => arg !== '--output-changes'), ...FOLLOW],
    stages: [
      { samples: 12, next: (lab) => appendFileSync(lab.at('log.ndjson'), lines(12, 18).join('')) },
      {
        samples: 18,
        next: (lab) => {
          // another file takes its place
          writeFileSync(lab.at('.log'), lines(4, 18).join(''));
          renameSync(lab.at('.log'), lab.at('log.ndjson'));
        },
      },
      { samples: 14 },
    ],
    states: ['S'],
  },
];
