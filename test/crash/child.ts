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
  /** Descriptor of what it prints. */
  readonly stdout?: number | undefined;
  /** Is told each line that it logs, and may end it. */
  readonly heard?: (line: string, end: () => void) => void;
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
  { cwd, entry, env, uid, kill, stdout, heard }: ChildOptions,
): Promise<End> {
  const child = spawn(process.execPath, [...entry, ...args], {
    cwd,
    stdio: ['ignore', stdout ?? 'ignore', 'pipe'],
    env: { ...process.env, ...env },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    const begin = stderr.lastIndexOf('\n') + 1;
    stderr += text;
    const lines = stderr.slice(begin).split('\n').slice(0, -1);
    for (const line of lines) heard?.(line, () => child.kill('SIGTERM'));
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
