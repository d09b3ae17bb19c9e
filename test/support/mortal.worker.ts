// The real worker, but mortal: it dies as MORTAL in its environment says, which nothing but tests sets and nothing
// but this file reads. A task that is chosen to kill does so once, which a file in a folder remembers across workers;
// a sample with `deadly` in its id kills every worker that comes near it.

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { murmur3 } from '../../src/math/random.ts';
import type { Task } from '../../src/workers/protocol.ts';

/** How, when and of which tasks workers die. */
export interface Mortality {
  /** `exit` ends the thread; `throw` is an error that nobody catches. */
  readonly manner: 'exit' | 'throw';
  /** Before the work, after it but before its answer, or in the middle of writing into shared memory. */
  readonly moment: 'before' | 'after' | 'writing';
  readonly kinds: readonly Task['kind'][];
  /** One task in so many kills, once; 0 for none. */
  readonly oneIn: number;
  /** Remembers who died: one file a death, by the kind of the task. */
  readonly folder: string;
}

const mortality = JSON.parse(process.env.MORTAL!) as Mortality;

export default async function mortal(task: Task): Promise<unknown> {
  const dies = isDeadly(task) || isDue(task);
  if (dies && mortality.moment === 'before') await die();
  if (dies && mortality.moment === 'writing') dieInSecondSharedWrite();
  // imported late, so that a worker which is to die at once starts quickly
  const { default: run } = await import('../../src/workers/network.worker.ts');
  const answer = await run(task);
  if (dies) await die();
  return answer;
}

function isDeadly(task: Task): boolean {
  return 'images' in task && task.images.ids.some((id) => id.includes('deadly'));
}

function isDue(task: Task): boolean {
  const { kinds, oneIn, folder } = mortality;
  if (oneIn === 0 || !kinds.includes(task.kind)) return false;
  const hash = murmur3(bytesOf(task), 1);
  if (hash % oneIn !== 0) return false;
  try {
    closeSync(openSync(join(folder, `${task.kind}-${hash}`), 'wx'));
    return true;
  } catch {
    return false; // it has killed before
  }
}

/** What tells tasks of one run apart: the ids of a batch, the numbers of a training step. */
function bytesOf(task: Task): Uint8Array {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  if ('images' in task) return text([task.kind, task.images.ids]);
  if (task.kind === 'update') return text([task.job.id, task.from, [...task.hyper]]);
  if (task.kind === 'gradient')
    return text([
      task.job.id,
      task.shard,
      Object.values(task.data.kind === 'labelled' ? task.data.x.subarray(0, 64) : [task.data.step]),
    ]);
  return text(task.kind);
}

function die(): Promise<never> {
  if (mortality.manner === 'exit') process.exit(3);
  setImmediate(() => {
    throw new Error('thrown by the mortal worker');
  });
  return new Promise(() => undefined);
}

function dieInSecondSharedWrite(): void {
  const write = Float32Array.prototype.set;
  let writes = 0;
  Float32Array.prototype.set = function (this: Float32Array, ...args: Parameters<typeof write>) {
    if (this.buffer instanceof SharedArrayBuffer && ++writes === 2) process.exit(3);
    write.apply(this, args);
  };
}
