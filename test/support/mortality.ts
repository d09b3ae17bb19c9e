// Who dies of what: as MORTAL in the environment says, which nothing but tests sets and nothing but this file reads. A
// task that is chosen to kill does so once, which a file in a folder remembers across workers; a sample with `deadly` in
// its id kills every worker that comes near it.

import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from '../../src/math/random.ts';
import type { Task, Work } from '../../src/workers/protocol.ts';

/** How, when and of which tasks workers die. */
export interface Mortality {
  /** `exit` ends the thread; `throw` is an error that nobody catches; `abort` ends a process as native code does. */
  readonly manner: 'exit' | 'throw' | 'abort';
  /** Before the work, after it but before its answer, or in the middle of writing into shared memory. */
  readonly moment: 'before' | 'after' | 'writing';
  readonly kinds: readonly Task['kind'][];
  /** One task in so many kills, once; 0 for none. */
  readonly oneIn: number;
  /** Remembers who died: one file a death, by the kind of the task. */
  readonly folder: string;
}

export const mortality = JSON.parse(process.env.MORTAL!) as Mortality;

/** Whether a task kills; one that is chosen to does not do so again. */
export function kills(task: Task | Work): boolean {
  if ('images' in task && task.images.ids.some((id) => id.includes('deadly'))) return true;
  const { kinds, oneIn, folder } = mortality;
  if (oneIn === 0 || !kinds.includes(task.kind)) return false;
  const hash = hashOf(textOf(task), 1);
  if (hash % oneIn !== 0) return false;
  try {
    closeSync(openSync(join(folder, `${task.kind}-${hash}`), 'wx'));
    return true;
  } catch {
    return false; // it has killed before
  }
}

/** What tells tasks of one run apart: the ids of a batch, the numbers of a training step. */
function textOf(task: Task | Work): string {
  const text = JSON.stringify;
  if ('images' in task) return text([task.kind, task.images.ids]);
  if (task.kind === 'update') {
    if ('feeds' in task) return text([task.rule, [...task.feeds.weights!.subarray(0, 64)]]);
    return text([task.job.id, task.from, [...task.hyper]]);
  }
  if (task.kind === 'gradient')
    return text([
      task.job.id,
      task.shard,
      Object.values(task.data.kind === 'labelled' ? task.data.x.subarray(0, 64) : [task.data.step]),
    ]);
  return text(task.kind);
}
