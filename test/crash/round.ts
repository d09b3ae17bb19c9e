// One round: an arena is filled, the program is called once or twice, alone or two at a time, perhaps killed, and
// afterwards everything that no run made must be as it was. All is drawn by the seed, but for what two processes and a
// clock make of it.

import { chmodSync, chownSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isOwner } from '../../src/files/owner.ts';
import { formatMark, MARK } from '../../src/files/written.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { RECORD_PARTS } from '../../src/state/record.ts';
import { type Arena, type Entry, entryOf, HANGS, NOBODY, pathsIn } from './arena.ts';
import { type Call, drawCall } from './calls.ts';
import type { End, Kill } from './child.ts';
import { foldersIn, pick, placeStranger } from './strangers.ts';

export interface Played {
  /** Calls in the order of their start, for people. */
  readonly calls: readonly string[];
  /** Each run's end, as `exit 0` or `SIGKILL`. */
  readonly ends: readonly string[];
  /** What should not be. */
  readonly findings: readonly string[];
  readonly smallDisk: boolean;
}

/** As docs/operations.md lists them; 1 is for what nobody thought of. */
const CODES: readonly (number | null)[] = [0, 2, 3, 4, 5, 6, 7, 8, 75, 130, 143];
const WORK = /(^|\/)(\.[^/]*\.dataelixir-[^/]*|dataelixir-(scratch|snapshot)-[^/]*)$/;

/** Plays the round of a seed. */
export async function playRound(arena: Arena, seed: number): Promise<Played> {
  const random = new RandomStream(randomKey(seed, 'file systems'));
  const played = { calls: [] as string[], ends: [] as string[], findings: [] as string[] };
  arena.reset();
  const smallDisk = random.uniform() < 0.1 && arena.mountSmall(random.integer(60_000));
  const foreign = new Foreign(arena);
  for (let n = 3 + random.integer(8); n > 0; n--) placeStranger(random, arena);
  arena.give();
  foreign.note(pathsIn(arena.root).filter((path) => !arena.earlier.has(path)));
  const locked = random.uniform() < 0.25 ? lockFolders(random, arena) : [];
  foreign.note(locked.map((path) => relative(arena.root, path)).filter((path) => foreign.has(path)));
  for (const calls of stepsOf(random, arena)) {
    const permitted = calls.flatMap((call) => permittedBy(call.call, arena));
    const runs = Promise.all(calls.map(({ call, kill }) => arena.run(call.args, kill)));
    if (random.uniform() < 0.25) {
      // somebody else is at work, too
      await setTimeout(random.uniform() * arena.milliseconds);
      foreign.addAt(pick(random, placesOf(calls[0]!.call, arena)), `mine ${random.word()}`);
    }
    const ends = await runs;
    for (const [n, end] of ends.entries()) {
      const { call, kill } = calls[n]!;
      const told = end.signal ?? `exit ${end.code}`;
      const last = end.stderr.trim().split('\n').at(-1) ?? '';
      played.ends.push(told);
      played.calls.push(
        `${call.args.join(' ')} -> ${told}${kill ? ` (${kill.signal} at ${kill.after} ms)` : ''}: ${last}`,
      );
      played.findings.push(...oddities(end, kill), ...leftBehind(arena, end));
    }
    played.findings.push(...foreign.changes(permitted));
    if (played.findings.length > 0) break;
    // and goes on afterwards
    if (random.uniform() < 0.3) foreign.add(random);
  }
  for (const path of locked) chmodSync(path, 0o755);
  return { ...played, smallDisk };
}

interface Start {
  readonly call: Call;
  readonly kill: Kill | undefined;
}

/** What is called at once, step by step. Who was killed may be called again. */
function stepsOf(random: RandomStream, arena: Arena): readonly (readonly Start[])[] {
  const kills = random.uniform() < 0.5;
  const kill = (): Kill | undefined =>
    kills
      ? {
          signal: pick(random, ['SIGKILL', 'SIGTERM']),
          after: 60 + Math.round(random.uniform() ** 2 * arena.milliseconds),
        }
      : undefined;
  const first: Start = { call: drawCall(random, arena), kill: kill() };
  const rival = random.uniform() < 0.25 ? [{ call: rivalOf(random, first.call, arena), kill: kill() }] : [];
  const again = random.uniform() < (kills ? 0.6 : 0.2);
  const next = random.uniform() < 0.7 ? first.call : drawCall(random, arena);
  return [[first, ...rival], ...(again ? [[{ call: next, kill: undefined }]] : [])];
}

/** The same call, or another one that has its places. */
function rivalOf(random: RandomStream, call: Call, arena: Arena): Call {
  if (random.uniform() < 0.6) return call;
  const other = drawCall(random, arena);
  return { ...other, args: [...other.args.filter((arg) => arg !== '--overwrite')] };
}

/** Folders that nobody may write into from now on. */
function lockFolders(random: RandomStream, arena: Arena): string[] {
  const found = random.shuffle(foldersIn(arena.root).filter((path) => path !== arena.at('tmp')));
  const locked = found.slice(0, 1 + random.integer(4));
  for (const path of locked) chmodSync(path, 0o555);
  return locked;
}

/** Real paths that a call may change, because it was told to. */
function permittedBy({ args, replaces, windows }: Call, arena: Arena): string[] {
  const real = (path: string) => {
    try {
      return realpathSync(arena.at(path));
    } catch {
      return arena.at(path);
    }
  };
  const streams = windows !== undefined && args.includes('--windows') && args.includes('--overwrite');
  const overwritten = replaces === undefined ? [] : [real(replaces)];
  return [...overwritten, ...(streams && holdsWindows(real(windows)) ? [real(windows)] : [])];
}

function holdsWindows(path: string): boolean {
  try {
    const text = readFileSync(path, 'utf8');
    return text === '' || text.startsWith('{"window":');
  } catch {
    return false;
  }
}

function oddities(end: End, kill: Kill | undefined): string[] {
  if (kill === undefined && end.signal === 'SIGKILL') return [`hung for ${HANGS} ms: ${end.stderr}`];
  if (end.signal === 'SIGKILL' || end.signal === 'SIGTERM' || CODES.includes(end.code)) return [];
  return [`ended with ${end.signal ?? end.code}: ${end.stderr}`];
}

/** Folders for temporary files of a run that was not killed. */
function leftBehind(arena: Arena, { pid, signal }: End): string[] {
  if (signal !== null) return [];
  const folders = pathsIn(arena.root).filter((path) => WORK.test(path));
  const left = folders.filter((path) => ownerIn(arena.at(path)) === pid);
  return left.map((path) => `left ${path} behind`);
}

function ownerIn(folder: string): number | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(folder, 'owner.json'), 'utf8'));
    return isOwner(owner) ? owner.pid : undefined;
  } catch {
    return undefined;
  }
}

/** Where a call may write: each path that it names, and what stands below or beside it. */
function placesOf({ args }: Call, arena: Arena): string[] {
  const named = args.flatMap((arg, n) =>
    args[n - 1]?.startsWith('--') && !arg.startsWith('--') ? [arg] : [],
  );
  const record = ['record/new', 'record/other'].flatMap((folder) => [
    folder,
    ...RECORD_PARTS.map((part) => join(folder, part)),
  ]);
  return [...named, ...named, ...named.map((path) => `${path}.manifest.ndjson`), ...record].map((path) =>
    arena.at(path),
  );
}

/** What no run made. */
class Foreign {
  readonly #arena: Arena;
  readonly #entries = new Map<string, Entry>();
  /** Lists that nobody could tell from the program's own; what they name is not exempt. */
  readonly #lists = new Set<string>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  has(path: string): boolean {
    return this.#entries.has(path);
  }

  note(paths: readonly string[]): void {
    for (const path of paths) {
      const real = this.#arena.at(path);
      const entry = entryOf(real);
      this.#entries.set(path, entry);
      const isList = basename(path) === MARK && entry.startsWith('file');
      if (isList && readFileSync(real, 'utf8').startsWith(formatMark([]))) this.#lists.add(path);
    }
  }

  /** Puts more into the arena. */
  add(random: RandomStream): void {
    const before = new Set(pathsIn(this.#arena.root));
    placeStranger(random, this.#arena);
    this.#arena.give();
    this.note(pathsIn(this.#arena.root).filter((path) => !before.has(path)));
  }

  /** Puts a file at a path, unless something is there. */
  addAt(path: string, text: string): void {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { flag: 'wx' });
    } catch {
      // somebody was faster
      return;
    }
    if (NOBODY !== undefined) chownSync(path, NOBODY, NOBODY);
    this.note([relative(this.#arena.root, path)]);
  }

  changes(permitted: readonly string[]): string[] {
    const found: string[] = [];
    for (const [path, entry] of this.#entries) {
      const now = entryOf(this.#arena.at(path));
      const isFree = this.#lists.has(path) || permitted.includes(this.#arena.at(path));
      if (now === entry) continue;
      // what a run was told to replace is the run's from then on
      if (isFree) this.#entries.delete(path);
      else found.push(`${path}: ${entry}, now ${now}`);
    }
    return found;
  }
}
