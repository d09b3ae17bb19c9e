// A run of the program in a process of its own, which may be killed at a chosen moment.

import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';

export interface Kill {
  readonly signal: 'SIGKILL' | 'SIGTERM';
  /** Milliseconds from the start. */
  readonly after: number;
}

export interface ChildOptions {
  readonly cwd: string;
  /** Arguments of Node before those of the program. */
  readonly entry: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Somebody else than who runs the script. */
  readonly uid?: number | undefined;
  readonly kill?: Kill | undefined;
}

/** How a run ended. */
export interface End {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Runs `dataelixir …args` to the end, or until it is killed. */
export async function runChild(
  args: readonly string[],
  { cwd, entry, env, uid, kill }: ChildOptions,
): Promise<End> {
  const child = spawn(process.execPath, [...entry, ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const control = new AbortController();
  const ended = new Promise<End>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done({ pid: child.pid, code, signal, stderr }));
  });
  const killed =
    kill &&
    setTimeout(kill.after, undefined, { signal: control.signal }).then(
      () => child.kill(kill.signal),
      () => false,
    );
  try {
    return await ended;
  } finally {
    control.abort();
    await killed;
  }
}
