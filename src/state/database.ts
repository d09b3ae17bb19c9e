// The embedded store under a state: LevelDB, through classic-level. It is crash-safe (a write-ahead log with
// checksums; a batch is there whole or not at all), the operating system frees its lock when a process dies, however
// it dies, and keys lie in order, so that two generations of a table are compared as streams.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { StateError } from '../errors.ts';

/** Keys are text; values are bytes unless a call says `JSON_VALUE`. */
export type Database = ClassicLevel<string, Uint8Array>;

export const JSON_VALUE = { valueEncoding: 'json' } as const;

/** Every LevelDB has this file. */
const MARK = 'CURRENT';
/** This one, too, once it was opened. */
export const LOCK = 'LOCK';

/** Open files are mapped into memory: fewer of them, less memory. */
const MOST_OPEN_FILES = 64;

/**
 * Opens the database in a folder that is a state's, or begins one.
 *
 * @param place where its files are, if that is not the folder, by whose name it is known
 * @throws {StateError} when another process uses it, or it is damaged
 */
export async function openDatabase(folder: string, place = folder): Promise<Database> {
  try {
    const database: Database = new ClassicLevel(place, {
      valueEncoding: 'view',
      maxOpenFiles: MOST_OPEN_FILES,
      // networks hardly shrink, and lookups take four times as long
      compression: false,
    });
    await database.open();
    return database;
  } catch (error) {
    throw refusal(folder, error as Error);
  }
}

/** Runs `work` on a database. @throws {StateError} in place of what the database has against it */
export async function onDatabase<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    throw String(code).startsWith('LEVEL_') ? refusal(folder, error as Error) : error;
  }
}

export function holdsDatabase(folder: string): boolean {
  return existsSync(join(folder, MARK));
}

/** @throws {StateError} when something stands in the folder */
export function checkFree(folder: string, expected = 'a new or an empty folder'): void {
  let found: string | undefined;
  try {
    const stands = statSync(folder, { throwIfNoEntry: false });
    if (stands?.isDirectory()) {
      const [first] = readdirSync(folder);
      found = first && `"${first}" in it`;
    } else if (stands) found = 'a file';
  } catch (error) {
    throw refusal(folder, error as Error);
  }
  if (found)
    throw new StateError(`expected ${expected} at ${folder}, found ${found}; choose another --state`);
}

/** What a state says in place of its disk or its database; what it said already stays as it is. */
export function refusal(folder: string, error: Error): StateError {
  if (error instanceof StateError) return error;
  const { cause, message } = error;
  const { code, message: reason } = (cause ?? {}) as { readonly code?: string; readonly message?: string };
  if (code === 'LEVEL_LOCKED') return inUse(folder);
  return new StateError(
    `expected a state that can be read and written at ${folder}, found: ${reason ?? message}; check disk space and ` +
      'rights, and if it is damaged, remove the folder: all of it can be made again',
  );
}

export function inUse(folder: string): StateError {
  return new StateError(
    `expected a state that nobody uses at ${folder}, found another process at work on it; ` +
      'wait for its end, or choose another --state',
  );
}

/** The entries whose keys begin with `prefix`. */
export function rangeOf(prefix: string): { readonly gte: string; readonly lt: string } {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { gte: prefix, lt: prefix.slice(0, -1) + String.fromCharCode(last + 1) };
}

/** A difference of two ranges: what stands under one key on either side. */
export interface Pair<T> {
  /** The key without the prefix. */
  readonly key: string;
  readonly left: T | undefined;
  readonly right: T | undefined;
}

/** Walks through two ranges at once, key by key, and holds one entry of each. Values are JSON. */
export async function* paired<T>(
  database: Database,
  leftPrefix: string,
  rightPrefix: string,
): AsyncGenerator<Pair<T>> {
  const read = (prefix: string) => database.iterator<string, T>({ ...rangeOf(prefix), ...JSON_VALUE });
  const [lefts, rights] = [read(leftPrefix), read(rightPrefix)];
  try {
    let [left, right] = [await lefts.next(), await rights.next()];
    while (left || right) {
      const leftKey = left?.[0].slice(leftPrefix.length);
      const rightKey = right?.[0].slice(rightPrefix.length);
      const order = compare(leftKey, rightKey);
      yield {
        key: order <= 0 ? leftKey! : rightKey!,
        left: order <= 0 ? left![1] : undefined,
        right: order >= 0 ? right![1] : undefined,
      };
      if (order <= 0) left = await lefts.next();
      if (order >= 0) right = await rights.next();
    }
  } finally {
    await Promise.all([lefts.close(), rights.close()]);
  }
}

/** As LevelDB orders keys: by their bytes, which for text beyond the basic plane is not JavaScript's order. */
function compare(left: string | undefined, right: string | undefined): number {
  if (left === undefined) return 1;
  if (right === undefined) return -1;
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right));
}
