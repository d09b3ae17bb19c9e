// Calls of the program, drawn: what a user could have typed, with places that are sensible, taken, nested in each other,
// or behind a link.

import { basename, dirname, join } from 'node:path';
import type { RandomStream } from '../../src/math/random.ts';
import { type Arena, pathsIn } from './arena.ts';
import { FILES, NEW, pick } from './strangers.ts';

/** What a call writes that it is told to, whatever is there. */
export interface Call {
  readonly args: readonly string[];
  /** Path of a file that `--overwrite` replaces. */
  readonly replaces?: string;
  /** Path of a side stream, which `--overwrite` replaces where one was before. */
  readonly windows?: string;
}

const FORMATS: Readonly<Record<string, string>> = { '.ndjson': 'ndjson', '.tar': 'webdataset' };

/** Draws one call. */
export function drawCall(random: RandomStream, arena: Arena): Call {
  const draw = new Draw(random, arena);
  return pick(random, [
    purify,
    purify,
    purify,
    purify,
    run,
    run,
    transitions,
    train,
    trainDenoiser,
    poison,
    merge,
    state,
  ])(draw);
}

class Draw {
  readonly random: RandomStream;
  readonly #paths: readonly string[];
  /** Folders of databases that no run made. */
  readonly #databases: readonly string[];

  constructor(random: RandomStream, arena: Arena) {
    this.random = random;
    this.#paths = ['.', ...pathsIn(arena.root)];
    const databases = this.#paths.filter((path) => basename(path) === 'CURRENT').map(dirname);
    this.#databases = databases.filter((path) => !['S', 'T'].includes(path));
  }

  chance(share: number): boolean {
    return this.random.uniform() < share;
  }

  /** Anything in the arena. */
  any(): string {
    return pick(this.random, this.#paths);
  }

  /** What is read: mostly what is meant for it. */
  input(...usual: readonly string[]): string {
    if (this.chance(0.93)) return pick(this.random, usual);
    return this.chance(0.8) ? this.any() : join(this.any(), pick(this.random, NEW));
  }

  /** Where something goes: to a new place, a known one, any one, or into or beside any one. */
  output(...usual: readonly string[]): string {
    const { random } = this;
    return pick(random, [
      () => pick(random, NEW),
      () => pick(random, usual),
      () => this.any(),
      () => join(this.any(), pick(random, [...NEW, ...FILES])),
      () => join('small', pick(random, NEW)),
      () => join(pick(random, ['data', 'out', 'S', 'record/run', 'mine', 'empty', 'tmp']), pick(random, NEW)),
    ])();
  }

  /** A state of an earlier run, which knows where that wrote, somebody's database, or another place. */
  state(): string {
    const { random } = this;
    if (this.#databases.length > 0 && this.chance(0.4)) return pick(random, this.#databases);
    return this.chance(0.6) ? pick(random, ['S', 'S', 'T']) : this.output('new', 'empty');
  }

  /** An option, or nothing. */
  maybe(share: number, ...args: readonly string[]): readonly string[] {
    return this.chance(share) ? args : [];
  }
}

const source = (draw: Draw) => draw.input('data', 'a.ndjson', 'a.ndjson', 'out', 'out.ndjson');
const models = (draw: Draw) => [
  ...['--config', draw.input('config.yaml'), '--dataset-classes', '4'],
  ...draw.maybe(0.8, '--observer-path', draw.input('observer.onnx')),
];
/** A place, and the format that its name asks for. */
function dataset(draw: Draw): readonly string[] {
  const path = draw.output('out', 'out.ndjson', 'empty', 'record/run/purified');
  const [ending] = /\.[a-z]+$/.exec(path) ?? [''];
  const format = FORMATS[ending];
  return ['--output-path', path, ...(format ? ['--output-format', format] : [])];
}
function record(draw: Draw): readonly string[] {
  const name = pick(draw.random, ['new', 'new', 'new', 'other', 'run', 'two', 'mine', 'empty', 'data']);
  return [
    ...draw.maybe(0.85, '--save-folder-name', name),
    ...draw.maybe(0.35, '--record-root', draw.output('record', '.')),
  ];
}

function purification(draw: Draw, command: string): { args: string[]; windows: string } {
  const windows = draw.output('w.ndjson', 'w.ndjson', 'out/w.ndjson');
  const args = [
    ...[command, '--dataset-train', source(draw), ...models(draw), ...record(draw)],
    ...draw.maybe(0.6, ...dataset(draw)),
    ...draw.maybe(0.3, '--windows', windows),
    ...draw.maybe(0.4, '--overwrite'),
  ];
  return { args, windows };
}

function purify(draw: Draw): Call {
  const { args, windows } = purification(draw, 'purify');
  return { args: [...args, ...draw.maybe(0.6, '--state', draw.state())], windows };
}

function run(draw: Draw): Call {
  const { args, windows } = purification(draw, 'run');
  const attack = ['--attack', 'badnet', '--dataset-test', draw.input('a.ndjson')];
  const clean = draw.maybe(0.5, '--evaluation-clean', draw.output('clean.onnx', 'observer.onnx'));
  return { args: [...args, ...draw.maybe(0.6, ...attack, ...clean)], windows };
}

function transitions(draw: Draw): Call {
  return { args: ['transitions', source(draw), ...models(draw)] };
}

function train(draw: Draw): Call {
  const replaces = draw.output('observer.onnx', 'new.onnx');
  const overwrite = draw.maybe(0.4, '--overwrite');
  const args = ['train', source(draw), ...models(draw), '--output-path', replaces, ...overwrite];
  return overwrite.length > 0 ? { args, replaces } : { args };
}

function trainDenoiser(draw: Draw): Call {
  const replaces = draw.output('denoiser.safetensors', 'new.safetensors');
  const overwrite = draw.maybe(0.3, '--overwrite');
  const small = [
    '--denoiser-steps',
    '1',
    '--denoiser-channels',
    '8',
    '--denoiser-multipliers',
    '1',
    '--denoiser-groups',
    '4',
  ];
  const args = [
    'train-denoiser',
    source(draw),
    '--workers',
    '1',
    ...small,
    '--denoiser-path',
    replaces,
    ...overwrite,
  ];
  return overwrite.length > 0 ? { args, replaces } : { args };
}

function poison(draw: Draw): Call {
  const args = ['poison', source(draw), '--attack', 'badnet', '--dataset-classes', '4', '--workers', '1'];
  return { args: [...args, ...draw.maybe(0.3, '--dataset-test', draw.input('a.ndjson')), ...dataset(draw)] };
}

function merge(draw: Draw): Call {
  return { args: ['merge', draw.input('S'), draw.input('T'), '--state', draw.output('empty', 'U')] };
}

function state(draw: Draw): Call {
  return { args: ['state', draw.state()] };
}
