// Reads that fail for reasons which pass: too many open files, a mount that is away for a moment, a disk that hiccups.
// They say nothing about a sample, so nobody may leave one out for them. They are tried again, with fewer reads at a time
// and a longer pause each time, and where that does not help within some seconds, the run ends and may be called again.

import { stat } from 'node:fs/promises';
import { ForbiddenError, UnreadableError } from '../errors.ts';

/** Reads at a time. libuv has four threads for them, so that more would only hold open files. */
const MOST = 32;
/** Milliseconds that a read is tried again, and pauses between two tries. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = { first: 20, most: 1000 };

/** What a system says of a path that will be so the next time, too. */
const LASTING: readonly (string | undefined)[] = [
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'EINVAL',
  'ENXIO',
];
const DENIED: readonly (string | undefined)[] = ['EACCES', 'EPERM'];

/**
 * Lets a limited number of reads work at a time: half as many after each one that failed, one more after as many as that
 * went well.
 */
export class Patience {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #patienceMs: number;
  #limit: number;
  #running = 0;

  constructor({ most = MOST, patienceMs = PATIENCE_MS } = {}) {
    this.#most = most;
    this.#limit = most;
    this.#patienceMs = patienceMs;
  }

  /** Reads that may work at a time now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** From now on nothing is tried again: somebody wants the run to end. */
  giveUp(): void {
    this.#patienceMs = 0;
  }

  /**
   * Reads, again where that fails for what may pass.
   *
   * @param path for messages
   * @param read opens and closes what it needs; it must not wait for another one of these
   * @param denialsPass whether a denial may pass, too; not where somebody else chose the path, who could end runs with it
   * @throws {UnreadableError} when it does not pass; {ForbiddenError} when the file's own permissions are why; else what
   *                           `read` throws
   */
  async read<T>(path: string, read: () => Promise<T>, denialsPass = true): Promise<T> {
    let begin: number | undefined;
    for (let pause = PAUSE_MS.first; ; pause = Math.min(2 * pause, PAUSE_MS.most)) {
      if (this.#running < this.limit) this.#running++;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
      try {
        const found = await read();
        this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
        return found;
      } catch (error) {
        if (!mayPass(error) || (!denialsPass && isDenial(error))) throw error;
        await refuseForbidden(path, error);
        this.#limit = Math.max(1, this.#limit / 2);
        begin ??= performance.now();
        if (performance.now() + pause > begin + this.#patienceMs) throw UnreadableError.of(path, error);
      } finally {
        this.#leave();
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Whoever waits takes the place over. */
  #leave(): void {
    this.#running--;
    while (this.#waiting.length > 0 && this.#running < this.limit) {
      this.#running++;
      this.#waiting.shift()!();
    }
  }
}

/** Of all reads of the process, which share its open files. */
export const patience = new Patience();

/** Whether an error is the system's, and of a kind that may not be so the next time. */
export function mayPass(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { syscall, code } = error as NodeJS.ErrnoException;
  // somebody may hold a lease of a file that is opened; only what is no file of a disk has nothing to read at once
  if (code === 'EAGAIN' && syscall === 'read') return false;
  return syscall !== undefined && !LASTING.includes(code);
}

/** Whether the system says that this user may not. */
function isDenial({ code }: NodeJS.ErrnoException): boolean {
  return DENIED.includes(code);
}

/** Mounts deny for a while what they will give again, as NFS does without a ticket; a file's own mode does not. */
async function refuseForbidden(path: string, error: NodeJS.ErrnoException): Promise<void> {
  if (!isDenial(error)) return;
  // where not even that can be asked, the mode cannot be why
  const found = await stat(path).catch(() => undefined);
  if (!found || allows(found)) return;
  throw new ForbiddenError(
    `expected to be allowed to read ${path}, found: ${error.message}; give the right to read it, or move it away`,
    { cause: error },
  );
}

/** Whether the mode of a file lets this user read it. */
function allows({ mode, uid, gid }: { mode: number; uid: number; gid: number }): boolean {
  const [user, groups] = [process.geteuid?.(), process.getgroups?.() ?? []];
  if (user === undefined || user === 0) return true;
  if (user === uid) return (mode & 0o400) !== 0;
  const inGroup = gid === process.getegid?.() || groups.includes(gid);
  return (mode & (inGroup ? 0o040 : 0o004)) !== 0;
}
