// Several states become one: machines that each purified a part of a dataset leave what one machine over all of it
// would look up. What does not fit together is found before anything is there, and the parts stay as they are.
// Networks and verdicts are of a part only and stay behind; the next run over everything makes its own.

import { mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { StateError } from '../errors.ts';
import { keepMode } from '../files/successor.ts';
import { syncFolder } from '../files/sync.ts';
import { makeFolderBeside, removeDeadBeside, removeWorkFolder } from '../files/work-folder.ts';
import type { CandidateKind } from '../ports/runner.ts';
import { CandidateStore } from './candidates.ts';
import { checkFree, holdsDatabase, JSON_VALUE, onDatabase, rangeOf, refusal } from './database.ts';
import type { Released } from './ledger.ts';
import { differencesOf, State } from './state.ts';

/** What a merged state holds. */
export interface Merged {
  /** Samples that were released by a part. */
  readonly samples: number;
  /** Samples whose candidates are there. */
  readonly candidates: number;
}

/** What shows whether a part is as it was when it was merged. */
interface Part {
  readonly folder: string;
  readonly run: number;
  /** Those of runs that were killed as well. */
  readonly candidates: number;
}

/** What a merged state keeps of its making. */
interface Making {
  readonly parts: readonly Part[];
  readonly merged: Merged;
}

/** Key of that. */
const MERGED = 'merged';
/** Entries that are copied together. */
const BLOCK = 256;

/**
 * Merges states into a new one. Where the target is that new one already, because whoever made it was killed before it could
 * say so, nothing is left to do.
 *
 * @param folders of the states, at least one
 * @param target  folder of the new state: not there yet, or empty
 * @param version of this program
 * @throws {StateError} when a part is no state or in use, when parts are of different purifications, when two parts
 *                      released one sample differently, or when something stands at the target
 */
export async function mergeStates(
  folders: readonly string[],
  target: string,
  version: string,
): Promise<Merged> {
  const before = await mergedBefore(folders, target, version);
  if (before) {
    await removeDeadBeside(dirname(target), basename(target));
    return before;
  }
  checkFree(target);
  const refuse = (error: Error): never => {
    throw refusal(target, error);
  };
  await mkdir(dirname(target), { recursive: true }).catch(refuse);
  const folder = await makeFolderBeside(dirname(target), basename(target)).catch(refuse);
  const temporary = join(folder, 'new');
  const parts: State[] = [];
  try {
    for (const folder of folders) parts.push(await State.openThere(folder, version));
    for (const part of parts) checkAlike(parts[0]!, part);
    const counts = await onDatabase(target, async () => {
      const merged = await State.open(temporary, version);
      return fill(merged, parts).finally(() => merged.close());
    });
    await keepMode(temporary, target).catch(refuse);
    // takes the place of an empty folder, and of nothing else
    await rename(temporary, target).catch((error: Error) => {
      checkFree(target);
      refuse(error);
    });
    await syncFolder(dirname(target));
    return counts;
  } finally {
    await Promise.all(parts.map((part) => part.close()));
    await removeWorkFolder(folder);
  }
}

function checkAlike(first: State, other: State): void {
  const empty = [first, other].find(({ identity }) => identity === undefined);
  if (empty) {
    throw new StateError(
      `expected the state of a purification at ${empty.folder}, found one that none has used; leave it out`,
    );
  }
  const differences = differencesOf(other.identity!, first.identity!);
  if (differences.length === 0) return;
  throw new StateError(
    `expected states of one purification, found that at ${other.folder} with ${differences.join(', ')} at ` +
      `${first.folder}; purify all parts alike`,
  );
}

async function fill(merged: State, parts: readonly State[]): Promise<Merged> {
  const counts = { samples: 0, candidates: 0 };
  let windows = 0;
  for (const part of parts) {
    counts.candidates += await copyCandidates(merged, part, 'sample');
    await copyCandidates(merged, part, 'canary');
    counts.samples += await copyReleases(merged, part);
    windows = await copyWindows(merged, part, windows);
  }
  const classes = Math.max(...parts.map((part) => part.classes));
  await merged.bind(parts[0]!.identity!, classes);
  const making: Making = { parts: await Promise.all(parts.map(partOf)), merged: counts };
  await merged.database.put<string, Making>(MERGED, making, JSON_VALUE);
  await merged.commit();
  return counts;
}

/** What a merge of these states said, where its outcome stands at the target and neither it nor they have changed since. */
async function mergedBefore(
  folders: readonly string[],
  target: string,
  version: string,
): Promise<Merged | undefined> {
  if (!holdsDatabase(target)) return undefined;
  const making = await reading(target, version, async ({ database, run }) => {
    return run === 1 ? database.get<string, Making>(MERGED, JSON_VALUE) : undefined;
  });
  if (
    !making ||
    !isDeepStrictEqual(
      making.parts.map(({ folder }) => folder),
      folders,
    )
  )
    return undefined;
  const parts: Part[] = [];
  for (const folder of folders) parts.push(await reading(folder, version, partOf));
  return isDeepStrictEqual(parts, making.parts) ? making.merged : undefined;
}

async function reading<T>(folder: string, version: string, work: (state: State) => Promise<T>): Promise<T> {
  const state = await State.openThere(folder, version);
  return work(state).finally(() => state.close());
}

async function partOf(state: State): Promise<Part> {
  const { folder, run } = state;
  return { folder, run, candidates: await new CandidateStore(state).count('sample') };
}

/** @returns how many are new */
async function copyCandidates(merged: State, part: State, kind: CandidateKind): Promise<number> {
  const [to, from] = [new CandidateStore(merged), new CandidateStore(part)];
  let count = 0;
  for await (const block of from.blocks(kind)) {
    const there = await to.getMany(
      block.map(([key]) => key),
      kind,
    );
    const fresh = block.filter(([key, value], n) => {
      const known = there[n];
      if (known && Buffer.compare(known, value) !== 0) throw otherCandidates(key, part);
      return !known;
    });
    const [keys, values] = [fresh.map(([key]) => key), fresh.map(([, value]) => value)];
    await to.putMany(keys, values, kind);
    count += fresh.length;
  }
  return count;
}

function otherCandidates(key: string, { folder }: State): StateError {
  return new StateError(
    `expected the same candidates of one image in all states, found others for ${key} at ${folder}: their machines ` +
      'compute differently; purify parts that share no sample',
  );
}

/** @returns how many are new */
async function copyReleases(merged: State, part: State): Promise<number> {
  const [from, to] = [`${part.current}sample/`, `${merged.next}sample/`];
  let count = 0;
  const entries = part.database.iterator<string, Released>({ ...rangeOf(from), ...JSON_VALUE });
  for await (const block of blocksOf(entries)) {
    const ids = block.map(([key]) => key.slice(from.length));
    const there = await merged.database.getMany<string, Released>(
      ids.map((id) => to + id),
      JSON_VALUE,
    );
    const written = block.map(([, released], n) => {
      const known = there[n];
      if (known && !isSame(known, released)) throw otherRelease(ids[n]!, released, known, part);
      if (!known) count += 1;
      // counted anew: what came before is the first run of the merged state
      return { type: 'put', key: to + ids[n]!, value: { ...released, since: 1 }, ...JSON_VALUE } as const;
    });
    await merged.database.batch<string, Released>(written, {});
  }
  return count;
}

function isSame(one: Released, other: Released): boolean {
  const keys = ['given', 'label', 'image', 'digest'] as const;
  return keys.every((key) => one[key] === other[key]);
}

function otherRelease(id: string, found: Released, known: Released, { folder }: State): StateError {
  const [here, there] = [found, known].map(({ label, image }) => `label ${label}, image ${image}`);
  const kind = here === there ? 'with another image' : `as ${here} instead of ${there}`;
  return new StateError(
    `expected sample ${id} to be released alike by all states, found it ${kind} at ${folder}; give different samples ` +
      'ids of their own, or leave that state out',
  );
}

/** Windows of one part after those of the other. @returns how many there are then */
async function copyWindows(merged: State, part: State, before: number): Promise<number> {
  let count = before;
  for await (const value of part.database.values<string, Uint8Array>(rangeOf(`${part.current}window/`))) {
    await merged.database.put(merged.windowKey(count++), value);
  }
  return count;
}

async function* blocksOf<T>(entries: AsyncIterable<T>): AsyncGenerator<T[]> {
  let block: T[] = [];
  for await (const entry of entries) {
    block.push(entry);
    if (block.length < BLOCK) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}
