// The pool of worker threads, one engine each. It implements what the training loop needs and offers the
// inference tasks to `pool-runner.ts`. Tasks answer with outcomes; a failed one is thrown here as the error
// class that its code names, and only a worker that dies makes Piscina itself reject.

import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { Outcome } from '../errors.ts';
import { fromFailure } from '../errors.ts';
import type { TrainingPool } from '../training/trainer.ts';
import type { EngineOptions, GradientTask, Task, TaskResults, UpdateTask, WorkerData } from './protocol.ts';

export interface PoolOptions extends EngineOptions {
  /** Worker threads; 0 is one a core. */
  readonly workers: number;
}

/**
 * V8 lets the space for new objects grow up to 48 MiB a thread, so memory would rise for as long as a stream runs.
 * What a task leaves behind is garbage at its end: a small space, emptied more often, serves as well.
 */
const YOUNG_GENERATION_MIB = 12;

/** True when this file runs as TypeScript, through tsx or vitest: then the workers must, too. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export class Pool implements TrainingPool {
  readonly workers: number;
  readonly #engine: EngineOptions;
  /** Threads start with the first task, so that a pool which nobody needs costs nothing. */
  #piscina: Piscina<Task, Outcome<unknown>> | undefined;
  readonly #running = new Set<Promise<unknown>>();
  /** Workers look here before every call of a network. */
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #closed = false;

  constructor({ workers, ...engine }: PoolOptions) {
    this.workers = workers || availableParallelism();
    this.#engine = engine;
  }

  /** Runs one task. @throws the error that the worker reported, by its code */
  async run<K extends Task['kind']>(
    task: Extract<Task, { kind: K }>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<TaskResults[K]> {
    if (this.#closed) throw new Error('expected an open pool, found it closed');
    this.#piscina ??= this.#start();
    const running = this.#piscina.run(task, { transferList: [...transfer] });
    this.#running.add(running);
    const outcome = await running.finally(() => this.#running.delete(running));
    if (!outcome.ok) throw fromFailure(outcome.failure);
    return outcome.value as TaskResults[K];
  }

  gradient(task: GradientTask): Promise<number> {
    return this.run<'gradient'>(task);
  }

  update(task: UpdateTask): Promise<undefined> {
    return this.run<'update'>(task);
  }

  /**
   * Ends all workers; there are no further tasks.
   *
   * @param finish end the tasks that were given; else they fail after the network calls that they are in
   */
  async close(finish = false): Promise<void> {
    this.#closed = true;
    if (!finish) Atomics.store(this.#stop, 0, 1);
    await Promise.allSettled(this.#running);
    await this.#piscina?.destroy();
  }

  #start(): Piscina<Task, Outcome<unknown>> {
    return new Piscina({
      filename: new URL(`./network.worker.${FROM_SOURCE ? 'ts' : 'js'}`, import.meta.url).href,
      execArgv: FROM_SOURCE ? ['--import', registerTsx()] : [],
      minThreads: this.workers,
      maxThreads: this.workers,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
      workerData: { ...this.#engine, stop: this.#stop } satisfies WorkerData,
    });
  }
}

/** A module that lets a worker thread import TypeScript; `--import tsx` leaves out what it imports later. */
function registerTsx(): string {
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  return `data:text/javascript,${encodeURIComponent(`import { register } from ${api}; register();`)}`;
}
