// `docs/results.json`: what every finished or failed row said, on which machine and with which code. The page for
// people is made from it. Both appear whole or not at all, and each row is entered on its own.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Figures } from './figures.ts';

/** Where and with what a row was measured. */
export interface Provenance {
  /** ISO 8601, UTC. */
  readonly date: string;
  /** Commit of the code; `+` behind it where files differ from it. */
  readonly commit: string;
  readonly machine: string;
}

/** One row's outcome. */
export interface Entry extends Provenance {
  readonly row: string;
  /** Fingerprint of what was measured. */
  readonly definition: string;
  readonly note?: string;
  readonly figures?: Figures;
  /** What was asked of the row, one by one; empty where nothing can be asked. */
  readonly criteria?: Readonly<Record<string, boolean>>;
  /** Why there are no figures. */
  readonly failed?: string;
}

/** @returns entries in the order in which they were written; none where there is no such file */
export function readEntries(path: string): Entry[] {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Entry[]) : [];
}

/** Enters a row in the place that `order` gives it; rows that `order` does not know stay at the end. */
export function withEntry(entries: readonly Entry[], entry: Entry, order: readonly string[]): Entry[] {
  const place = ({ row }: Entry) => (order.includes(row) ? order.indexOf(row) : order.length);
  const others = entries.filter(({ row }) => row !== entry.row);
  return [...others, entry].sort((a, b) => place(a) - place(b));
}

/** Writes beside the file and renames. */
export function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}
