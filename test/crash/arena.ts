// A folder to run the program in, for one round: what a user has there (sources, models, folders of his own), what
// earlier runs made (records, states, outputs), and a list of everything that no run made, written down before the
// program is started, so that nobody has to believe the program about what is its own.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { tinySamples, writeTinyNetworks } from '../cli/tiny-networks.ts';
import { pngOf } from '../support/pictures.ts';
import { type End, type Kill, runChild } from './child.ts';

/** Nobody: root may write where it is not allowed to. */
export const NOBODY = process.getuid?.() === 0 ? 65_534 : undefined;
const SMALL_KIB = 160;
const COMMON = ['--config', 'config.yaml', '--dataset-classes', '4', '--observer-path', 'observer.onnx'];
/** What earlier runs were called with. */
const EARLIER = [
  ['purify', 'data', ...COMMON, '--state', 'S', '--output-path', 'out', '--windows', 'w.ndjson'],
  [
    ...['purify', 'a.ndjson', ...COMMON, '--state', 'T', '--output-path', 'out.ndjson'],
    ...['--output-format', 'ndjson', '--save-folder-name', 'two'],
  ],
] as const;

/** What a path is, whatever links lead to it. */
export type Entry = string;

export class Arena {
  readonly base: string;
  /** Where the program works. */
  readonly root: string;
  /** What earlier runs made, by path from the root on. */
  readonly earlier: ReadonlySet<string>;
  /** Milliseconds that a run takes. */
  readonly milliseconds: number;
  readonly #entry: readonly string[];
  #mounted = false;

  private constructor(base: string, entry: readonly string[], earlier: Set<string>, milliseconds: number) {
    this.base = base;
    this.root = join(base, 'arena');
    this.earlier = earlier;
    this.milliseconds = milliseconds;
    this.#entry = entry;
  }

  /** @param entry how Node runs the program */
  static async make(entry: readonly string[]): Promise<Arena> {
    const base = mkdtempSync(join(tmpdir(), 'dataelixir-files-'));
    chmodSync(base, 0o755);
    const root = join(base, 'arena');
    await writeInputs(root);
    const own = new Set(pathsIn(root));
    const begin = performance.now();
    const first = new Arena(base, entry, new Set(), 0);
    first.give();
    for (const end of await Promise.all(EARLIER.map((args) => first.run(args)))) {
      if (end.code !== 0) throw new Error(`an earlier run ended with ${end.code}: ${end.stderr}`);
    }
    const milliseconds = performance.now() - begin;
    const made = pathsIn(root).filter((path) => !own.has(path));
    await foreignDatabase(join(base, 'database'));
    cpSync(root, join(base, 'template'), { recursive: true });
    return new Arena(base, entry, new Set(made), milliseconds);
  }

  at(path: string): string {
    return join(this.root, path);
  }

  /** Puts everything back to how a round begins. */
  reset(): void {
    this.clear();
    cpSync(join(this.base, 'template'), this.root, { recursive: true });
  }

  /** A folder on a disk that is nearly full, where this system lets one be mounted. @returns whether it does */
  mountSmall(free: number): boolean {
    const path = this.at('small');
    mkdirSync(path);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_KIB}k`, 'none', path], { stdio: 'ignore' });
    } catch {
      return false;
    }
    this.#mounted = true;
    const { bavail, bsize } = statfsSync(path);
    writeFileSync(join(path, 'mine.bin'), Buffer.alloc(Math.max(0, bavail * bsize - free), 'mine'));
    return true;
  }

  /** Makes all of it the property of who runs the program. */
  give(): void {
    if (NOBODY !== undefined) execFileSync('chown', ['-Rh', `${NOBODY}:${NOBODY}`, this.root]);
  }

  /** @param kill when to end it; after half a minute it hangs */
  run(args: readonly string[], kill: Kill = { signal: 'SIGKILL', after: HANGS }): Promise<End> {
    const env = { TMPDIR: this.at('tmp'), DATAELIXIR_LOG_FORMAT: 'human' };
    return runChild(args, { cwd: this.root, entry: this.#entry, env, uid: NOBODY, kill });
  }

  clear(): void {
    if (this.#mounted) execFileSync('umount', [this.at('small')]);
    this.#mounted = false;
    if (NOBODY === undefined) openFolders(this.root);
    rmSync(this.root, { recursive: true, force: true });
  }

  remove(): void {
    this.clear();
    rmSync(this.base, { recursive: true });
  }
}

/** Milliseconds after which a run counts as hanging. */
export const HANGS = 60_000;

async function writeInputs(root: string): Promise<void> {
  for (const folder of [
    'tmp',
    'mine',
    'mine/models',
    'empty',
    ...[0, 1, 2].map((label) => `data/${label}`),
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  await writeTinyNetworks(root);
  writeFileSync(join(root, 'a.ndjson'), tinySamples(24));
  writeFileSync(join(root, 'mine/notes.txt'), 'mine\n');
  for (let n = 0; n < 24; n++) writeFileSync(join(root, `data/${n % 3}/${n}.png`), pngOf(n, [1, 8, 8]));
}

/** Somebody's LevelDB, closed. */
async function foreignDatabase(folder: string): Promise<void> {
  const database = new ClassicLevel(folder);
  await database.put('key', 'value');
  await database.close();
}

/** All paths below a folder, from it on, links not followed. */
export function pathsIn(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
}

/** Of a file, a folder or a link: what it is, its mode, and what is in it or where it leads. */
export function entryOf(path: string): Entry {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return 'nothing';
  const mode = (found.mode & 0o7777).toString(8);
  if (found.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
  if (found.isDirectory()) return `folder ${mode}`;
  return `file ${mode} ${found.size} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
}

/** So that who is not root can remove it. */
function openFolders(root: string): void {
  if (!lstatSync(root, { throwIfNoEntry: false })) return;
  chmodSync(root, 0o755);
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(join(root, entry.name));
  }
}
