// Runs the program as a user does: a process of its own, with its own environment, in its own working folder.

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Somebody else than who runs the tests. */
  readonly uid?: number;
}

/** Logs as people read them, which tests look into. */
export const HUMAN = { DATAELIXIR_LOG_FORMAT: 'human' };

/** How Node runs the program from source. */
export const SOURCE = ['--import', import.meta.resolve('tsx'), resolve('src/cli/main.ts')];

/** Runs `dataelixir …args` from source, or the given entry file. */
export function dataelixir(
  args: readonly string[],
  options: ProgramOptions = {},
  entry = SOURCE,
): Promise<Ended> {
  const { env = {}, cwd = process.cwd(), stdin = '', uid } = options;
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DATAELIXIR_'));
  const child = spawn(process.execPath, [...entry, ...args], {
    cwd,
    ...(uid !== undefined && { uid }),
    env: { ...Object.fromEntries(inherited), ...HUMAN, ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  child.stdin.on('error', () => undefined).end(stdin);
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => done({ code, ...output }));
  });
}
