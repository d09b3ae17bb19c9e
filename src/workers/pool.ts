// The pool of worker threads, one engine each. It implements what the training loop needs and offers the
// inference tasks to `pool-runner.ts`. Tasks answer with outcomes; a failed one is thrown here as the error
// class that its code names. A worker that dies is replaced and its task given to another, once: whoever kills two
// workers is at fault itself. What kills a process (a native abort) no thread can survive, so threads may leave the
// computing to processes of their own.

import '../runtime/no-telemetry.ts';
import { Piscina } from 'piscina';
import type { Outcome } from '../errors.ts';
import { EngineError, fromFailure, WorkerError } from '../errors.ts';
import type { EngineOptions } from '../runtime/create-engine.ts';
import { usableProcessors } from './cpu-quota.ts';
import type { GradientTask, Task, TaskResults, TrainingPool, UpdateTask, WorkerData } from './protocol.ts';
import { leftOf } from './shared-write.ts';
import { moduleOf, threadOptions } from './threads.ts';

export interface PoolOptions extends EngineOptions {
  /** Worker threads; 0 is one a core, or what a quota leaves. */
  readonly workers: number;
  /** Whether each thread computes itself, or leaves that to a process of its own, which may abort without harm. */
  readonly isolation?: 'thread' | 'process';
  /** Module that the threads run; that of this project unless a test brings its own. */
  readonly entry?: URL;
  /** The same for their processes. */
  readonly processEntry?: URL;
}

/** Workers that may die of one task. */
const TRIES = 2;

/** Deaths without a finished task between them from which on the workers are at fault, not the tasks. */
const MOST_DEATHS_IN_A_ROW = 12;

export class Pool implements TrainingPool {
  readonly workers: number;
  readonly #options: Omit<WorkerData, 'stop'>;
  readonly #entry: URL;
  /** Threads start with the first task, so that a pool which nobody needs costs nothing. */
  #piscina: Piscina<Task, Outcome<unknown>> | undefined;
  readonly #running = new Set<Promise<unknown>>();
  /** Workers look here before every call of a network. */
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #closed = false;
  #restarts = 0;
  #deathsInARow = 0;
  /** Why the pool gave up. */
  #broken: EngineError | undefined;

  constructor({
    workers,
    isolation = 'thread',
    entry = moduleOf('network.worker'),
    processEntry = moduleOf('network.process'),
    ...engine
  }: PoolOptions) {
    this.workers = workers || usableProcessors();
    this.#options = { ...engine, ...(isolation === 'process' && { process: processEntry.href }) };
    this.#entry = entry;
  }

  /** Workers that died and were replaced so far. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Tasks handed in that no worker has taken yet. */
  get queued(): number {
    return this.#piscina?.queueSize ?? 0;
  }

  /** Tasks that workers are at. */
  get busy(): number {
    return this.#running.size - this.queued;
  }

  /**
   * Runs one task, and runs it again where its worker died; so nothing of it is moved to the worker.
   *
   * @throws the error that the worker reported, by its code
   * @throws {WorkerError} when the task's workers died
   * @throws {EngineError} when workers die whatever they do, or died in the middle of changing weights
   */
  async run<K extends Task['kind']>(task: Extract<Task, { kind: K }>): Promise<TaskResults[K]> {
    if (this.#closed) throw new Error('expected an open pool, found it closed');
    const running = this.#persist(task);
    this.#running.add(running);
    return (await running.finally(() => this.#running.delete(running))) as TaskResults[K];
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
    Atomics.store(this.#stop, 0, 1);
    await this.#piscina?.destroy();
  }

  /** One task as the pool waits for it when it closes: until it ended, however many workers that took. */
  async #persist(task: Task): Promise<unknown> {
    for (let left = TRIES; ; left--) {
      try {
        return await this.#try(task);
      } catch (error) {
        if (!(error instanceof WorkerError)) throw error;
        if (task.kind === 'update' && wasUpdated(task, error)) return undefined;
        if (left === 1) throw error;
      }
    }
  }

  async #try(task: Task): Promise<unknown> {
    if (this.#broken) throw this.#broken;
    this.#piscina ??= this.#start();
    const outcome = await this.#piscina.run(task).catch((error: Error) => {
      throw this.#deathOf(task, error);
    });
    if (!outcome.ok && outcome.failure.code === 'worker') {
      // the process in the thread's place: the thread lives, and has started another
      this.#restarts += 1;
      throw this.#deathOf(task, new Error(outcome.failure.message));
    }
    this.#deathsInARow = 0;
    if (!outcome.ok) throw fromFailure(outcome.failure);
    return outcome.value;
  }

  /** Workers answer with outcomes, so what Piscina rejects with is a worker's death, unless the task never got there. */
  #deathOf({ kind }: Task, cause: Error): Error {
    if (this.#closing || cause.name === 'DataCloneError') return cause;
    this.#deathsInARow += 1;
    if (this.#deathsInARow >= MOST_DEATHS_IN_A_ROW) this.#giveUp(cause.message);
    return (
      this.#broken ?? new WorkerError(`expected a worker to ${kind}, found that it died: ${cause.message}`)
    );
  }

  /** Whether workers end because they shall. */
  get #closing(): boolean {
    return Atomics.load(this.#stop, 0) !== 0;
  }

  #giveUp(reason: string): void {
    this.#broken ??= new EngineError(
      `expected worker threads that live, found that they die whatever they do: ${reason}; ` +
        'see whether memory suffices, and try fewer workers or smaller batches',
    );
  }

  #start(): Piscina<Task, Outcome<unknown>> {
    const piscina = new Piscina<Task, Outcome<unknown>>({
      ...threadOptions(this.#entry),
      minThreads: this.workers,
      maxThreads: this.workers,
      workerData: { ...this.#options, stop: this.#stop } satisfies WorkerData,
    });
    // of workers without a task: they are replaced, and nothing is lost
    let idleDeath = 'they do not start';
    piscina.on('error', (error: Error) => {
      idleDeath = error.message;
    });
    piscina.on('workerDestroy', () => {
      if (this.#closing) return;
      this.#restarts += 1;
      // Piscina replaces no worker that dies before it is ready: without any, tasks would wait for ever
      queueMicrotask(() => {
        if (piscina.threads.length > 0 || this.#closing) return;
        this.#giveUp(idleDeath);
        void piscina.destroy();
      });
    });
    return piscina;
  }
}

/**
 * Whether an update was complete when its worker died, so that it must not be done again.
 *
 * @throws {EngineError} when it was cut off half-way: the weights are neither the old nor the new ones
 */
function wasUpdated({ note }: UpdateTask, cause: WorkerError): boolean {
  const left = leftOf(note);
  if (left !== 'torn') return left === 'complete';
  throw new EngineError(
    'expected weights updated as a whole, found that the worker died while it wrote them; ' +
      'run again (the training of a denoiser goes on from its last checkpoint with denoiser.resume)',
    { cause },
  );
}
