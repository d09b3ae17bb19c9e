// The record folder of one run, `record/<name>/`: the resolved configuration, the log, what was seen and decided,
// the models and the metrics. A finished record is never overwritten unless that is asked for; what an
// interrupted run left behind is replaced. JSON files appear whole or not at all.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ConfigError, writing } from '../errors.ts';

const CONFIG = 'config.yaml';
/** Written last: a record that holds it is finished. */
const METRICS = 'metrics.json';
/** Everything that a record may hold; a folder that holds anything else is left alone. */
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

export class RunRecord {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Starts a record.
   *
   * @param keep parts of an earlier record that stay until they are written again
   * @throws {ConfigError} when the folder holds a finished record and `overwrite` is not set, or holds something else
   * @throws {OutputError} when the disk refuses it
   */
  static create(
    root: string,
    name: string,
    {
      overwrite,
      config,
      keep = [],
    }: { readonly overwrite: boolean; readonly config: object; readonly keep?: readonly string[] },
  ): RunRecord {
    const folder = join(root, name);
    const found = writing(folder, () => (existsSync(folder) ? readdirSync(folder) : []));
    const foreign = found.find((entry) => !isPart(entry));
    if (foreign !== undefined) {
      throw new ConfigError(
        `expected a new folder or an earlier record at ${folder}, found "${foreign}" in it; choose another --save-folder-name`,
      );
    }
    if (found.includes(METRICS) && !overwrite) {
      throw new ConfigError(
        `expected a new record folder, found a finished record at ${folder}; choose another --save-folder-name or pass --overwrite`,
      );
    }
    writing(folder, () => {
      for (const entry of found) if (!keep.includes(entry)) rmSync(join(folder, entry), { recursive: true });
      mkdirSync(join(folder, 'models'), { recursive: true });
    });
    const record = new RunRecord(folder);
    writeAtomic(record.path(CONFIG), stringify(config));
    return record;
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  log(line: string): void {
    const path = this.path('log.txt');
    writing(path, () => appendFileSync(path, line));
  }

  writeJson(name: string, value: unknown): void {
    writeAtomic(this.path(name), `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Writes the metrics, which makes the record a finished one. */
  finish(metrics: Metrics): void {
    this.writeJson(METRICS, metrics);
  }
}

/** A part, whole or half written, or a folder for temporary files. */
function isPart(entry: string): boolean {
  return RECORD_PARTS.includes(entry.replace(/\.(tmp|partial)$/, '')) || entry.startsWith('scratch-');
}

/** Writes beside the file and renames, so that no reader and no crash ever sees half of it. */
function writeAtomic(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  writing(path, () => {
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  });
}
