// Which files a reader opens, wherever their names come from. All functions of node:fs that open or list something are
// watched, so that a file outside of a source is noticed even where nothing of it comes out.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve, sep } from 'node:path';

const OPENING = [
  'open',
  'openSync',
  'readFile',
  'readFileSync',
  'readdir',
  'readdirSync',
  'opendir',
  'opendirSync',
];
const STREAMS = ['createReadStream'];

type Functions = Record<string, (...args: unknown[]) => unknown>;

/** Runs something, and gives the real paths of what it opened outside of a folder. */
export async function opensOutside(folder: string, work: () => Promise<void>): Promise<string[]> {
  const outside: string[] = [];
  const note = (path: unknown) => {
    const real = realPath(String(path));
    if (real !== folder && !real.startsWith(folder + sep) && !isOwn(real)) outside.push(real);
  };
  const undo = [
    ...[...OPENING, ...STREAMS].map((name) => watched(fs as unknown as Functions, name, note)),
    ...OPENING.filter((name) => !name.endsWith('Sync')).map((name) =>
      watched(fs.promises as unknown as Functions, name, note),
    ),
  ];
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    for (const restore of undo) restore();
    syncBuiltinESMExports();
  }
  return outside;
}

function watched(module: Functions, name: string, note: (path: unknown) => void): () => void {
  const original = module[name]!;
  module[name] = (...args) => {
    if (typeof args[0] !== 'number') note(args[0]);
    return original(...args);
  };
  return () => {
    module[name] = original;
  };
}

const { realpathSync } = fs;

/** What is not there cannot lead elsewhere. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** What Node loads of programs, the first time that they are needed. */
function isOwn(path: string): boolean {
  return /[/\\]node_modules[/\\]/.test(path);
}
