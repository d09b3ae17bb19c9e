// What is not the program's but looks as if it were: files and folders under the names that it uses itself, lists and
// owners that others wrote, links of all kinds, somebody's database. Put where a draw says.

import { cpSync, linkSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { thisOwner } from '../../src/files/owner.ts';
import { formatMark } from '../../src/files/written.ts';
import type { RandomStream } from '../../src/math/random.ts';
import type { Arena } from './arena.ts';

export const FILES = [
  ...[
    'config.yaml',
    'metrics.json',
    'log.txt',
    'verdict.json',
    'truth.ndjson',
    'manifest.ndjson',
    'dataset.json',
  ],
  ...[
    'corrections.ndjson',
    'quarantine.ndjson',
    'transitions.ndjson',
    'owner.json',
    'notes.txt',
    'scratch-1',
  ],
  ...['out.old', 'out.partial', 'out.ndjson.tmp', 'new', 'old', 'values', 'observer.onnx', 'benign.onnx'],
  ...[
    'new.ndjson',
    'new.ndjson.manifest.ndjson',
    'new.tar.manifest.ndjson',
    'new.state.safetensors',
    '.new.dataelixir-1',
  ],
] as const;
const FOLDERS = [
  ...[
    'models',
    'purified',
    'evidence',
    'train',
    'triggered',
    'record',
    'run',
    'new',
    'scratch-2',
    'out.kept-1',
  ],
  ...[
    '.new.dataelixir-1',
    '.out.dataelixir-2',
    '.run.dataelixir-new-x',
    '.record.dataelixir-1',
    '.poison.dataelixir-1',
  ],
  ...['dataelixir-scratch-mine', 'dataelixir-snapshot-mine'],
] as const;
/** Where nothing was yet. */
export const NEW = [
  'new',
  'new.ndjson',
  'new.tar',
  'new.onnx',
  'new.safetensors',
  'deep/new/place',
  'other',
] as const;

export function pick<T>(random: RandomStream, from: readonly T[]): T {
  return from[random.integer(from.length)]!;
}

type Place = (random: RandomStream, arena: Arena, folder: string) => void;

const KINDS: readonly (readonly [weight: number, place: Place])[] = [
  [6, (random, _, folder) => file(join(folder, pick(random, FILES)), `mine ${random.word()}\n`)],
  [3, (random, _, folder) => filled(random, join(folder, pick(random, FOLDERS)))],
  [2, (random, _, folder) => empty(join(folder, pick(random, FOLDERS)))],
  [2, (random, _, folder) => file(join(folder, '.dataelixir.ndjson'), listOf(random))],
  [2, (random, _, folder) => owned(random, join(folder, pick(random, FOLDERS)))],
  [
    1,
    (random, arena, folder) => database(random, arena, join(folder, pick(random, ['new', 'S2', 'levels']))),
  ],
  [
    4,
    (random, arena, folder) =>
      link(random, arena, join(folder, pick(random, [...NEW, ...FOLDERS, ...FILES]))),
  ],
  [2, (random, arena, folder) => hardLink(random, arena, join(folder, pick(random, [...NEW, ...FILES])))],
];

/** Puts something into a folder of the arena, unless something has its name. */
export function placeStranger(random: RandomStream, arena: Arena): void {
  const folders = foldersIn(arena.root);
  // its own folder more often than the many others
  const folder = random.uniform() < 0.3 ? arena.root : pick(random, folders);
  let at = random.integer(KINDS.reduce((sum, [weight]) => sum + weight, 0));
  const [, place] = KINDS.find(([weight]) => {
    at -= weight;
    return at < 0;
  })!;
  try {
    place(random, arena, folder);
  } catch (error) {
    // on a small disk, in a folder that is locked, from one disk to another
    if (!UNSUITED.includes(String((error as NodeJS.ErrnoException).code))) throw error;
  }
}

const UNSUITED: readonly string[] = ['ENOSPC', 'EACCES', 'EXDEV'];

export function foldersIn(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const found = entries.flatMap((entry) => (entry.isDirectory() ? [join(entry.parentPath, entry.name)] : []));
  return [root, ...found].sort();
}

function isFree(path: string): boolean {
  return !lstatSync(path, { throwIfNoEntry: false });
}

function file(path: string, text: string): void {
  if (isFree(path)) writeFileSync(path, text);
}

function empty(path: string): void {
  if (isFree(path)) mkdirSync(path);
}

function filled(random: RandomStream, path: string): void {
  if (!isFree(path)) return;
  mkdirSync(path);
  for (let n = random.integer(3); n >= 0; n--)
    file(join(path, pick(random, FILES)), `mine ${random.word()}\n`);
}

/** Lists that others wrote, or that name what they must not. */
function listOf(random: RandomStream): string {
  return pick(random, [
    '',
    'mine\n',
    `${JSON.stringify({ dataelixir: 'written' })}\n`,
    formatMark([]),
    formatMark([{ folder: '', files: ['../notes.txt', '../a.ndjson', '/etc/passwd', '..', 'a/b'] }]),
    formatMark([{ folder: '..', files: ['a.ndjson', 'config.yaml'] }]),
    formatMark([{ folder: 'models/../..', files: ['a.ndjson', 'config.yaml'] }]),
  ]);
}

/** A folder for temporary files of somebody who lives, or of another program. */
function owned(random: RandomStream, path: string): void {
  if (!isFree(path)) return;
  mkdirSync(path);
  file(join(path, 'mine.bin'), `mine ${random.word()}\n`);
  const owner = pick(random, [
    { dataelixir: 'work', ...thisOwner() },
    { ...thisOwner(), pid: 999_999 },
    { dataelixir: 'work', pid: 1 },
    { dataelixir: 'work', ...thisOwner(), host: 'elsewhere', pid: 999_999 },
  ]);
  file(join(path, 'owner.json'), `${JSON.stringify(owner)}\n`);
}

function database(random: RandomStream, { base }: Arena, path: string): void {
  if (!isFree(path)) return;
  cpSync(join(base, 'database'), path, { recursive: true });
  // as one that was copied by halves
  if (random.integer(3) === 0) writeFileSync(join(path, 'CURRENT'), 'mine\n');
}

/** To what is there, to what is around it, to nothing, or to itself. */
function link(random: RandomStream, arena: Arena, path: string): void {
  if (!isFree(path) || !lstatSync(dirname(path), { throwIfNoEntry: false })) return;
  const everything = readdirSync(arena.root, { recursive: true, withFileTypes: true });
  const paths = everything.map((entry) => join(entry.parentPath, entry.name)).sort();
  const around = dirname(path) === arena.root ? '.' : '..';
  symlinkSync(
    pick(random, [pick(random, paths), pick(random, paths), around, 'nowhere', 'data/new', path]),
    path,
  );
}

/** A second name of a file; not of one of a state, which is written where it stands. */
function hardLink(random: RandomStream, arena: Arena, path: string): void {
  const entries = readdirSync(arena.root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const from = files
    .filter((one) => !['S', 'T'].some((state) => one.startsWith(`${arena.at(state)}/`)))
    .sort();
  if (isFree(path) && lstatSync(dirname(path), { throwIfNoEntry: false })) linkSync(pick(random, from), path);
}
