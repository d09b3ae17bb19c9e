// Who a process is, in a few words that another process can hold against what runs now: whether the owner of a folder
// still lives decides whether that folder may be taken away. A number of a process is used again, so that on Linux the
// moment when it started counts too. Where nobody can know, on another machine or in another container, an owner lives.

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Since when the machine runs, and whose process numbers are meant; left out where the system does not tell. */
  readonly boot?: string;
  readonly space?: string;
  /** When the process started, as the system counts. */
  readonly started?: string;
  /** For people. */
  readonly since: string;
}

/** Fields of `/proc/PID/stat` after the name, which may hold anything: proc(5). */
const STATE = 0;
const START_TIME = 19;

/** This process. */
export function thisOwner(): Owner {
  const boot = told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const space = told(() => readlinkSync('/proc/self/ns/pid'));
  const started = startOf(process.pid);
  return {
    pid: process.pid,
    host: hostname(),
    ...(boot && { boot }),
    ...(space && { space }),
    ...(started && { started }),
    since: new Date().toISOString(),
  };
}

/** Whether an owner may still be at work. */
export function mayLive(owner: Owner): boolean {
  const here = thisOwner();
  if (owner.host !== here.host) return true;
  if (owner.boot !== here.boot) return false;
  if (owner.space !== here.space) return true;
  return owner.started === undefined ? isRunning(owner.pid) : startOf(owner.pid) === owner.started;
}

/** What was read from a file, where it is an owner. */
export function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, host, since } = value as Partial<Record<keyof Owner, unknown>>;
  return Number.isSafeInteger(pid) && typeof host === 'string' && typeof since === 'string';
}

/** Undefined where there is no such process, or one that has ended and waits for its parent, or no way to know. */
function startOf(pid: number): string | undefined {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && !/[ZX]/.test(fields[STATE]!) ? fields[START_TIME] : undefined;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // it runs as somebody else
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function told(ask: () => string): string | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
