// What a dataset that grows leaves behind between runs (`--state DIR`). Denoiser calls are the cost, and candidates
// depend on nothing but the purifier, a sample's id and its pixels: so a state is first of all the candidates that
// were made, and then the networks that were trained. Everything else of a run follows from the samples, these and
// the settings. Candidates stand in a value log, all else in the database. Beside them stands what the last run gave
// away, sample by sample, for the next one to be held against: it is written into the slot that is not in use, and
// becomes the state's with one atomic write at the very end.

import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { StateError } from '../errors.ts';
import { CandidateStore } from './candidates.ts';
import { type Database, holdsDatabase, JSON_VALUE, openDatabase, paired, rangeOf } from './database.ts';
import { claimFolder, META } from './mark.ts';
import { isWritable, snapshotOf } from './snapshot.ts';
import { ValueLog } from './value-log.ts';

/** Layout of what is stored; a state with another one is of another version. */
const FORMAT = 2;
/** Keys of how far sources were read begin so, after the run's. */
export const POSITION = 'position/';

/** What candidates depend on, by name, so that a difference can be told. */
export type Identity = Readonly<Record<string, string | number>>;

/** Two generations of what a run gave away; one of them is the state's. */
type Slot = 'a' | 'b';

interface Meta {
  readonly format: number;
  /** Of the program that wrote it last. */
  readonly version: string;
  /** Undefined until the first purification. */
  readonly identity?: Identity;
  readonly classes: number;
  readonly slot: Slot;
  /** Runs that changed something, so far. */
  readonly run: number;
}

/** One entry of a state as others may compare it: its key and its bytes. */
export interface Content {
  readonly key: string;
  readonly value: Uint8Array;
}

export class State {
  readonly folder: string;
  readonly database: Database;
  /** What is too large for the database. */
  readonly values: ValueLog;
  readonly #version: string;
  /** Folder that is in the place of one that cannot be written to. */
  #snapshot: string | undefined;
  #meta: Meta;

  private constructor(folder: string, database: Database, values: ValueLog, version: string, meta: Meta) {
    this.folder = folder;
    this.database = database;
    this.values = values;
    this.#version = version;
    this.#meta = meta;
  }

  /**
   * Opens or begins a state; whoever opened it closes it.
   *
   * @param version of this program
   * @throws {StateError} when it is in use, damaged, or of another version
   */
  static open(folder: string, version: string): Promise<State> {
    return State.#openAt(folder, version, folder);
  }

  /** @param place where the files of the state are */
  static async #openAt(folder: string, version: string, place: string): Promise<State> {
    await claimFolder(folder, place);
    const database = await openDatabase(folder, place);
    let values: ValueLog | undefined;
    try {
      const meta = await database.get<string, Meta>(META, JSON_VALUE);
      if (meta !== undefined && meta.format !== FORMAT) {
        throw new StateError(
          `expected a state of format ${FORMAT} at ${folder}, found format ${meta.format}, written by dataelixir ` +
            `${meta.version}; use that version, or choose another --state`,
        );
      }
      values = await ValueLog.open(place, place !== folder);
      const fresh: Meta = { format: FORMAT, version, classes: 0, slot: 'a', run: 0 };
      const state = new State(folder, database, values, version, meta ?? fresh);
      if (!meta) await state.#write(fresh);
      await state.#clear(state.next);
      return state;
    } catch (error) {
      await values?.close();
      await database.close();
      throw error;
    }
  }

  /**
   * Opens a state that is there, to be read; it may be where nothing can be written.
   *
   * @throws {StateError} as `open`, and when there is none
   */
  static async openThere(folder: string, version: string): Promise<State> {
    if (!holdsDatabase(folder)) {
      throw new StateError(`expected a state at ${folder}, found none; name what \`purify --state\` wrote`);
    }
    if (await isWritable(folder)) return State.open(folder, version);
    const snapshot = await snapshotOf(folder);
    try {
      const state = await State.#openAt(folder, version, snapshot);
      state.#snapshot = snapshot;
      return state;
    } catch (error) {
      await rm(snapshot, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Takes a state for a purification.
   *
   * @param classes of the dataset; there may be more than the last time
   * @throws {StateError} when the state is that of another one
   */
  async bind(identity: Identity, classes: number): Promise<void> {
    const found = this.#meta.identity;
    const differences = found ? differencesOf(found, identity) : [];
    if (differences.length > 0) {
      throw new StateError(
        `expected the state of this purification at ${this.folder}, found one with ${differences.join(', ')}; ` +
          'purify as before, or choose another --state',
      );
    }
    if (classes < this.#meta.classes) {
      throw new StateError(
        `expected a dataset of at least ${this.#meta.classes} classes for the state at ${this.folder}, found ` +
          `${classes}; set dataset.classes, or choose another --state`,
      );
    }
    if (!found || classes > this.#meta.classes) await this.#write({ ...this.#meta, identity, classes });
  }

  get identity(): Identity | undefined {
    return this.#meta.identity;
  }

  /** Of the program that wrote it last. */
  get version(): string {
    return this.#meta.version;
  }

  get classes(): number {
    return this.#meta.classes;
  }

  /** Runs that changed something, so far. */
  get run(): number {
    return this.#meta.run;
  }

  /** Keys of what the last run left begin so. */
  get current(): string {
    return prefixOf(this.#meta.slot);
  }

  /** Keys of what this run leaves begin so; they count from `commit` on. */
  get next(): string {
    return prefixOf(this.#meta.slot === 'a' ? 'b' : 'a');
  }

  /** Key of a window of this run. */
  windowKey(index: number): string {
    return `${this.next}window/${String(index).padStart(9, '0')}`;
  }

  /**
   * Makes what was written under `next` the state's, and removes entries that nobody needs any more, all at once.
   * Where nothing changed, nothing is written.
   *
   * @returns whether anything changed
   */
  async commit(unused: readonly string[] = []): Promise<boolean> {
    const changed = unused.length > 0 || (await this.#differs());
    if (changed) {
      const slot = this.#meta.slot === 'a' ? 'b' : 'a';
      const meta = { ...this.#meta, version: this.#version, slot, run: this.#meta.run + 1 } as const;
      const removed = unused.map((key) => ({ type: 'del', key }) as const);
      const written = { type: 'put', key: META, value: meta, ...JSON_VALUE } as const;
      await this.values.sync();
      await this.database.batch<string, Meta>([...removed, written], { sync: true });
      this.#meta = meta;
    }
    await this.#clear(this.next);
    return changed;
  }

  /** Everything that two states of the same history share, in the order of the keys. Paths are not part of it. */
  async *contents(): AsyncGenerator<Content> {
    const { slot: _, version: __, ...meta } = this.#meta;
    yield { key: META, value: Buffer.from(JSON.stringify(meta)) };
    const candidates = new CandidateStore(this);
    for (const kind of ['sample', 'canary'] as const) {
      for await (const block of candidates.blocks(kind)) {
        for (const [key, value] of block) yield { key, value };
      }
    }
    for (const prefix of ['checkpoint/', 'model/', this.current]) {
      for await (const [key, value] of this.database.iterator(rangeOf(prefix))) {
        if (key.startsWith(`${this.current}${POSITION}`)) continue;
        yield { key: key.replace(this.current, 'run/'), value };
      }
    }
  }

  /** Of ids, whether samples had them in the last run. */
  async knows(ids: readonly string[]): Promise<boolean[]> {
    const found = await this.database.getMany(ids.map((id) => `${this.current}sample/${id}`));
    return found.map((value) => value !== undefined);
  }

  /** Whether a place was claimed: what a run with this state puts there, a later one may replace. */
  async owns(path: string): Promise<boolean> {
    return (await this.database.get(`owned/${path}`)) !== undefined;
  }

  async claim(path: string): Promise<void> {
    await this.database.put(`owned/${path}`, new Uint8Array(0), { sync: true });
  }

  async close(): Promise<void> {
    await this.values.close();
    await this.database.close();
    if (this.#snapshot) await rm(this.#snapshot, { recursive: true, force: true });
  }

  async #differs(): Promise<boolean> {
    if (this.#meta.run === 0) return true;
    for await (const { left, right } of paired<unknown>(this.database, this.current, this.next)) {
      if (!isDeepStrictEqual(left, right)) return true;
    }
    return false;
  }

  async #write(meta: Meta): Promise<void> {
    await this.database.put<string, Meta>(META, meta, { ...JSON_VALUE, sync: true });
    this.#meta = meta;
  }

  #clear(prefix: string): Promise<void> {
    return this.database.clear(rangeOf(prefix));
  }
}

/** In words: what one has instead of the other. */
export function differencesOf(found: Identity, expected: Identity): string[] {
  const names = Object.keys({ ...found, ...expected });
  return names
    .filter((name) => found[name] !== expected[name])
    .map((name) => `${name} ${found[name] ?? 'none'} instead of ${expected[name] ?? 'none'}`);
}

function prefixOf(slot: Slot): string {
  return `run/${slot}/`;
}
