// The record folder of one run, `record/<name>/`: the resolved configuration, the log, what was seen and decided,
// the models and the metrics. A finished record is never overwritten unless that is asked for; what an
// interrupted run left behind is replaced. A record lists its files, and nothing else in it is ever removed or
// overwritten. One run at a time works on it. JSON files appear whole or not at all.

import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { ConfigError, OutputError, unwritten, writing } from '../errors.ts';
import { syncFolderNow, syncNow } from '../files/sync.ts';
import { type Claim, claim, isWorkName } from '../files/work-folder.ts';
import { foreignIn, formatMark, isMarked, listedIn, MARK, removeListed } from '../files/written.ts';

const CONFIG = 'config.yaml';
/** Written last: a record that holds it is finished. */
const METRICS = 'metrics.json';
/** Everything that a record may hold. */
export const RECORD_PARTS: readonly string[] = [
  CONFIG,
  METRICS,
  'log.txt',
  'transitions.ndjson',
  'verdict.json',
  'evidence',
  'quarantine.ndjson',
  'manifest.ndjson',
  'models',
  'purified',
  'truth.ndjson',
  'corrections.ndjson',
];

export interface Rates {
  /** Accuracy on the clean test set, in [0, 1]. */
  readonly ba: number;
  /** Share of triggered test images of other classes that are given the target label, in [0, 1]. */
  readonly asr: number;
}

/** `metrics.json`. What needs ground truth is absent where there is none. */
export interface Metrics {
  readonly dataset: {
    readonly name: string;
    readonly train: number;
    readonly test?: number;
    readonly classes: number;
  };
  readonly attack?: {
    readonly name: string;
    /** What became of the labels: all-to-one, all-to-all or clean-label. */
    readonly labels: string;
    readonly rate: number;
    /** Absent where every label is attacked. */
    readonly target?: number;
  };
  readonly clean?: Partial<Rates>;
  readonly backdoored?: Partial<Rates>;
  readonly defended?: Partial<Rates>;
  readonly detection?: {
    readonly targetLabels: readonly number[];
    /** Shares of poisoned and of clean samples that were given another label or dropped. */
    readonly tpr?: number;
    readonly fpr?: number;
    /** Share of the repaired poisoned samples that have their true label again. */
    readonly labelAccuracy?: number;
  };
  readonly cost: {
    readonly denoiserCallsPerSample?: number;
    readonly seconds: Readonly<Record<string, number>>;
    readonly peakRssMiB: number;
  };
  /** The counters that `--metrics-port` shows, as they are at the end. */
  readonly totals?: Totals;
}

export interface Totals {
  /** By what became of them. */
  readonly samples: Readonly<Record<'raw' | 'purified' | 'dropped' | 'quarantined', number>>;
  /** Counted for each image, over the whole run. */
  readonly denoiserCalls: number;
  readonly workerRestarts: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** How a record begins. */
export interface RecordOptions {
  /** Whether a finished record is replaced. */
  readonly overwrite: boolean;
  readonly config: object;
  /** Parts of an earlier record that stay until they are written again. */
  readonly keep?: readonly string[];
  /** Of the folder, where the caller has it; else the record claims its folder until it is released. */
  readonly claimed?: Claim | undefined;
}

/**
 * Claims the folder of a record, and makes it.
 *
 * @throws {ConfigError} when it is no record and not empty; {OutputError} when another process works on it, or the disk
 *                       refuses it
 */
export async function claimRecord(folder: string): Promise<Claim> {
  const make = async () => {
    await checkRecord(folder, true);
    await mkdir(folder, { recursive: true });
    return claim(folder, 'record', folder);
  };
  return make().catch(unwritten(folder));
}

export class RunRecord {
  readonly folder: string;
  /** Folder for what is temporary; whoever claimed the record removes it. */
  readonly scratch: string;
  readonly #claim: Claim | undefined;
  /** Files of the record, by folder. */
  readonly #listed = new Map<string, Set<string>>([['', new Set()]]);

  private constructor(folder: string, scratch: string, claimed: Claim | undefined) {
    this.folder = folder;
    this.scratch = scratch;
    this.#claim = claimed;
  }

  /**
   * Starts a record.
   *
   * @throws {ConfigError} when the folder holds a finished record and `overwrite` is not set, or holds something else
   * @throws {OutputError} when another process works on it, or the disk refuses it
   */
  static async create(root: string, name: string, options: RecordOptions): Promise<RunRecord> {
    const { overwrite, config, keep = [], claimed } = options;
    const folder = join(root, name);
    // a record that is finished is not touched by a claim either
    await checkRecord(folder, overwrite).catch(unwritten(folder));
    const own = claimed ? undefined : await claimRecord(folder);
    const record = new RunRecord(folder, (claimed ?? own)!.folder, own);
    try {
      if (own) await checkRecord(folder, overwrite);
      await record.#clear((path) => keep.includes(path.split('/')[0]!));
      record.#writeAtomic(CONFIG, stringify(config));
      return record;
    } catch (error) {
      await record.release();
      throw OutputError.of(folder, error as Error);
    }
  }

  /**
   * Path of a part that is about to be written, which is listed first.
   *
   * @throws {OutputError} when somebody else's file has that name
   */
  path(...parts: readonly string[]): string {
    const path = join(this.folder, ...parts);
    const folder = parts.slice(0, -1).join('/');
    const name = parts.at(-1)!;
    const listed = this.#listed.get(folder) ?? new Set();
    if (listed.has(name)) return path;
    return writing(path, () => {
      if (existsSync(path)) throw new OutputError(inTheWay(path));
      mkdirSync(dirname(path), { recursive: true });
      this.#listed.set(folder, listed.add(name));
      // not synced: where power is lost, a file that is not listed is in the way of the next run, which says so
      this.#writeMark(false);
      return path;
    });
  }

  log(line: string): void {
    const path = this.path('log.txt');
    writing(path, () => appendFileSync(path, line));
  }

  writeJson(name: string, value: unknown): void {
    this.#writeAtomic(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Removes a folder of the record, but for what is somebody else's in it. */
  async remove(part: string): Promise<void> {
    await this.#clear((path) => path.split('/')[0] !== part).catch(unwritten(join(this.folder, part)));
  }

  /** Writes the metrics, which makes the record a finished one. */
  finish(metrics: Metrics): void {
    this.writeJson(METRICS, metrics);
  }

  /** Lets others work on the record, where this one claimed it. */
  async release(): Promise<void> {
    await this.#claim?.release();
  }

  /** Removes what is listed, but for what stays, which is listed then. */
  async #clear(stays: (path: string) => boolean): Promise<void> {
    const { folder } = this;
    await removeListed(folder, stays);
    this.#listed.clear();
    this.#listed.set('', new Set());
    for await (const { folder: part, files } of listedIn(folder)) {
      const left = files.filter((name) => stays(part === '' ? name : `${part}/${name}`));
      if (left.length > 0) this.#listed.set(part, new Set(left));
    }
    this.#writeMark();
  }

  #writeMark(synced = true): void {
    // in an order of their own: what is equal is listed alike
    const lines = [...this.#listed].sort().map(([folder, files]) => ({ folder, files: [...files].sort() }));
    this.#replace(MARK, formatMark(lines), synced);
  }

  #writeAtomic(name: string, text: string): void {
    const path = this.path(name);
    writing(path, () => this.#replace(name, text));
  }

  /** Writes elsewhere and renames, so that no reader and no crash ever sees half of it. */
  #replace(name: string, text: string, synced = true): void {
    const temporary = join(this.scratch, name);
    writeFileSync(temporary, text);
    if (synced) syncNow(temporary);
    renameSync(temporary, join(this.folder, name));
    if (synced) syncFolderNow(this.folder);
  }
}

/** @throws {ConfigError} when a folder is somebody else's, or holds what must stay */
async function checkRecord(folder: string, overwrite: boolean): Promise<void> {
  const found = existsSync(folder) ? readdirSync(folder).filter((name) => !isWorkName(name)) : [];
  if (found.length === 0) return;
  if (!(await isMarked(folder))) {
    throw new ConfigError(
      `expected a new folder or an earlier record at ${folder}, found "${found[0]}" in it and no list of files as ` +
        'records have; choose another --save-folder-name, or, if it is a record of an older version, remove it',
    );
  }
  const listed = new Set<string>();
  for await (const { folder: part, files } of listedIn(folder)) {
    for (const name of part === '' ? files : [part]) listed.add(name);
  }
  if (found.includes(METRICS) && listed.has(METRICS) && !overwrite) {
    throw new ConfigError(
      `expected a new record folder, found a finished record at ${folder}; choose another --save-folder-name or pass --overwrite`,
    );
  }
  for (const name of found.filter((one) => RECORD_PARTS.includes(one))) {
    const path = join(folder, name);
    if (!listed.has(name)) throw new ConfigError(inTheWay(path));
    // a dataset has a list of its own
    const foreign = lstatSync(path).isDirectory() && (await isMarked(path)) && (await foreignIn(path));
    if (foreign) throw new ConfigError(inTheWay(join(path, foreign)));
  }
}

function inTheWay(path: string): string {
  return `expected nothing in a record but what runs wrote, found ${path}; move it elsewhere, or choose another --save-folder-name`;
}
