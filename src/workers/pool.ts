// The pool of worker threads, one engine each. It implements what the training loop needs and offers the
// inference tasks to `pool-runner.ts`. Tasks answer with outcomes; a failed one is thrown here as the error
// class that its code names, and only a worker that dies makes Piscina itself reject.

import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { Outcome } from '../errors.ts';
import { fromFailure } from '../errors.ts';
import type { TrainingPool } from '../training/trainer.ts';
import type { EngineOptions, GradientTask, Task, TaskResults, UpdateTask } from './protocol.ts';

export interface PoolOptions extends EngineOptions {
  /** Worker threads; 0 is one a core. */
  readonly workers: number;
}

/** True when this file runs as TypeScript, through tsx or vitest: then the workers must, too. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

export class Pool implements TrainingPool {
  readonly workers: number;
  readonly #piscina: Piscina<Task, Outcome<unknown>>;

  constructor({ workers, ...engine }: PoolOptions) {
    this.workers = workers || availableParallelism();
    this.#piscina = new Piscina({
      filename: new URL(`./network.worker.${FROM_SOURCE ? 'ts' : 'js'}`, import.meta.url).href,
      execArgv: FROM_SOURCE ? ['--import', 'tsx'] : [],
      minThreads: this.workers,
      maxThreads: this.workers,
      concurrentTasksPerWorker: 1,
      atomics: 'disabled',
      workerData: engine,
    });
  }

  /** Runs one task. @throws the error that the worker reported, by its code */
  async run<K extends Task['kind']>(
    task: Extract<Task, { kind: K }>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<TaskResults[K]> {
    const outcome = await this.#piscina.run(task, { transferList: [...transfer] });
    if (!outcome.ok) throw fromFailure(outcome.failure);
    return outcome.value as TaskResults[K];
  }

  gradient(task: GradientTask): Promise<number> {
    return this.run<'gradient'>(task);
  }

  update(task: UpdateTask): Promise<undefined> {
    return this.run<'update'>(task);
  }

  /** Ends all workers; tasks that still wait are rejected. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
