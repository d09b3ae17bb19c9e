// The worker thread: answers tasks with an engine of its own, or with that of a process of its own. Results come back
// as outcomes, because an error loses its class on the way between threads.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { workerData } from 'piscina';
import type { Outcome } from '../errors.ts';
import { toFailure } from '../errors.ts';
import { createEngine } from '../runtime/create-engine.ts';
import { expectRunning, stoppable } from '../runtime/stoppable-engine.ts';
import { LocalComputer } from './local-computer.ts';
import { moved } from './moved.ts';
import type { Task, WorkerData } from './protocol.ts';
import { RemoteComputer } from './remote-computer.ts';
import { type Computer, sharedGradient, sharedUpdate } from './shared-training.ts';

/**
 * V8 lets 8 MiB of garbage gather in a thread before it looks, and with it the arrays that it holds: memory would rise
 * for the first minute of a fast stream. What lives is small, so that looking each few seconds costs next to nothing.
 */
const COLLECT_MS = 3000;

// a flag is the process's: who took it back would take it from a worker that starts at this moment
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
let collected = performance.now();

const options = workerData as WorkerData;
const computer = options.process === undefined ? local() : new RemoteComputer(options.process, options);

function local(): Computer {
  const engine = createEngine(options).then((ready) => stoppable(ready, options.stop));
  return new LocalComputer(engine, options.executionProvider);
}

function answer(task: Task): Promise<unknown> {
  expectRunning(options.stop);
  if (task.kind === 'gradient') return sharedGradient(computer, task);
  if (task.kind === 'update') return sharedUpdate(computer, task);
  return computer.compute(task);
}

/** Entry of the pool: arrays in the result are moved, not copied. */
export default async function run(task: Task): Promise<unknown> {
  try {
    const outcome: Outcome<unknown> = { ok: true, value: await answer(task) };
    return moved(outcome, arraysOf(outcome));
  } catch (error) {
    return { ok: false, failure: toFailure(error) };
  } finally {
    if (performance.now() - collected > COLLECT_MS) {
      collect();
      collected = performance.now();
    }
  }
}

/** Plain results carry their arrays along. */
function arraysOf(outcome: Outcome<unknown>): readonly ArrayBufferView[] {
  const value = outcome.ok ? outcome.value : undefined;
  const arrays = ArrayBuffer.isView(value) ? [value] : Object.values((value ?? {}) as object);
  return arrays.filter(ArrayBuffer.isView);
}
