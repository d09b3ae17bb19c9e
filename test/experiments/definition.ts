// What exactly a row is: its resolved settings, and a fingerprint of what was written down for it. A result counts as
// long as the fingerprint is the same, so a changed configuration file or override makes its rows due again, while a
// new option or another default does not throw days of measurements away (`--redo` does).

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type ConfigText, loadSettings } from '../../config/load.ts';
import type { Settings } from '../../config/schema.ts';
import { packageRoot } from '../../src/app/paths.ts';
import type { Row, RunRow } from './rows.ts';

/** Where experiments run and what they run. */
export interface Site {
  /** Working folder: configuration files and records are found from here. */
  readonly root: string;
  /** Folder that holds the datasets; the program's `DATAELIXIR_DATA`. */
  readonly data: string;
  /** Arguments with which Node starts the program. */
  readonly program: readonly string[];
  /** Receives what the program logs, in pieces of any size. */
  readonly log: (text: string) => void;
}

/** Folder of all records, from the working folder. */
export const RECORDS = 'record/experiments';

/** Path in a row's record. */
export function recordPath(site: Site, row: RunRow, ...parts: readonly string[]): string {
  return join(site.root, RECORDS, row.id, ...parts);
}

/** Whether the row's configuration file is there. */
export function hasConfig(site: Site, row: RunRow): boolean {
  return existsSync(join(site.root, row.config));
}

/** The row's settings as the program resolves them. */
export function settingsOf(site: Site, row: RunRow): Settings {
  return loadSettings({
    file: read(join(site.root, row.config)),
    env: { DATAELIXIR_DATA: site.data },
    args: new Map(Object.entries(row.set)),
    readPreset,
  });
}

/** The settings that nobody changed. */
export function defaultSettings(): Settings {
  return loadSettings({ readPreset });
}

/** Fingerprint of what is written down for a row; its configuration file must be there. */
export function definitionOf(site: Site, row: Row): string {
  if (row.kind === 'simulation') return fingerprint([row.classes, row.draws]);
  if (row.kind === 'bootstrap') return fingerprint([definitionOf(site, row.of), row.resamples]);
  const { saveFolderName: _, ...file } = parse(readFileSync(join(site.root, row.config), 'utf8')) ?? {};
  return fingerprint([file, row.set]);
}

/**
 * Path of the classifier trained on the row's clean data, from the working folder: the same for all rows of equal
 * clean data, classifier and seed.
 */
export function cleanModelPath({ dataset, classifier, seed }: Settings): string {
  const { root: _, test: __, testLimit: ___, ...data } = dataset;
  return `${RECORDS}/models/clean-${dataset.name ?? 'dataset'}-${seed}-${fingerprint([data, classifier])}.onnx`;
}

/** Equal for equal values, whatever the order of their keys. */
function fingerprint(value: unknown): string {
  const sorted = JSON.stringify(value, (_, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
  return createHash('sha256').update(sorted).digest('hex').slice(0, 12);
}

function readPreset(name: string): ConfigText {
  return read(join(packageRoot, 'config', `${name}.yaml`));
}

function read(path: string): ConfigText {
  return { name: path, text: readFileSync(path, 'utf8') };
}
