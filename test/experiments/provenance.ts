// Where a result comes from, the commit of the code and the machine, and where it goes: a commit a row.

import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Provenance } from './results.ts';

/** What the figures depend on. */
const CODE = ['src', 'streams', 'config', 'package-lock.json'];
const ATTEMPTS = 5;
const PAUSE_MS = 2000;

/** Commit of the code in `root` and this machine. */
export function codeAndMachine(root: string): Omit<Provenance, 'date'> {
  const commit = git(root, 'rev-parse', '--short=10', 'HEAD').trim();
  const changed = git(root, 'status', '--porcelain', '--', ...CODE) !== '';
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores`;
  return { commit: changed ? `${commit}+` : commit, machine };
}

/** Commits files as they are, alone; tries again while another process holds the index. */
export async function commitFiles(root: string, message: string, paths: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      git(root, 'add', '--', ...paths);
      git(root, 'commit', '--quiet', '--message', message, '--', ...paths);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await setTimeout(PAUSE_MS);
    }
  }
}

function git(root: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
