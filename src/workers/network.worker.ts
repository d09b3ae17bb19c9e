// The worker thread: makes its engine once and answers tasks. Results come back as outcomes, because an error
// loses its class on the way between threads.

import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import type { Outcome } from '../errors.ts';
import { toFailure } from '../errors.ts';
import { createEngine } from '../runtime/create-engine.ts';
import { expectRunning, stoppable } from '../runtime/stoppable-engine.ts';
import { InferenceHost } from './inference-host.ts';
import { ModelCache } from './model-cache.ts';
import type { Task, TaskResults, WorkerData } from './protocol.ts';
import { TrainingHost } from './training-host.ts';

const options = workerData as WorkerData;
const engine = createEngine(options).then((ready) => stoppable(ready, options.stop));
const training = engine.then((ready) => new TrainingHost(ready));
const inference = engine.then((ready) => new InferenceHost(new ModelCache(ready, options.executionProvider)));
// An engine that does not start is reported by the tasks; until one comes, its failure must not end the thread.
void Promise.allSettled([training, inference]);

async function answer(task: Task): Promise<TaskResults[keyof TaskResults] | undefined> {
  expectRunning(options.stop);
  switch (task.kind) {
    case 'gradient':
      return (await training).gradient(task);
    case 'update':
      return (await training).update(task).then(() => undefined);
    case 'classify':
      return (await inference).classify(task);
    case 'diffuse':
      return (await inference).diffuse(task);
    case 'observe':
      return (await inference).observe(task);
    case 'restore':
      return (await inference).restore(task);
    case 'choose':
      return (await inference).choose(task);
    case 'compute':
      return (await inference).compute(task);
  }
}

/** Entry of the pool: arrays in the result are moved, not copied. */
export default async function run(task: Task): Promise<unknown> {
  try {
    const outcome: Outcome<unknown> = { ok: true, value: await answer(task) };
    return move(transferable(outcome));
  } catch (error) {
    return { ok: false, failure: toFailure(error) };
  }
}

/** Piscina moves what names its own transferables; plain results carry their array buffers along. */
function transferable(outcome: Outcome<unknown>) {
  const value = outcome.ok ? outcome.value : undefined;
  const arrays = ArrayBuffer.isView(value) ? [value] : Object.values((value ?? {}) as object);
  const buffers = arrays.filter(ArrayBuffer.isView).map((array) => array.buffer as ArrayBuffer);
  return {
    get [valueSymbol]() {
      return outcome;
    },
    get [transferableSymbol]() {
      return buffers;
    },
  };
}
