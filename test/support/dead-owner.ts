// What a process leaves behind that was killed: the folders that it owns, each with a process in it that is no more.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes a process that has ended the owner of a folder for temporary files. */
export function bury(folder: string): void {
  const { pid } = spawnSync('true');
  change(folder, { pid });
}

/** Changes what a folder says of its owner. */
export function change(folder: string, more: Readonly<Record<string, unknown>>): void {
  const path = join(folder, 'owner.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...more }));
}

/** Names of claims and other temporary folders in a folder. */
export function workFoldersIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.includes('.dataelixir-'));
}
