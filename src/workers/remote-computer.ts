// Computes work in a process of its own, for a worker thread that waits for it: what native code does there, such as an
// abort, ends that process and nothing else. The next work starts another one.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fromFailure, WorkerError } from '../errors.ts';
import type { EngineOptions } from '../runtime/create-engine.ts';
import { expectRunning } from '../runtime/stoppable-engine.ts';
import type { Answer } from './network.process.ts';
import type { Work, WorkerData, WorkResults } from './protocol.ts';
import type { Computer } from './shared-training.ts';
import { SEMI_SPACE_MIB } from './threads.ts';
import { owned, WirePacker, type WireWork } from './wire.ts';

/** How often a thread that waits looks whether its pool closes, in milliseconds. */
const LOOK_MS = 50;

export class RemoteComputer implements Computer {
  readonly #module: string;
  readonly #options: WorkerData;
  #process: { readonly child: ChildProcess; readonly packer: WirePacker } | undefined;

  /** @param module of the process, a file URL */
  constructor(module: string, options: WorkerData) {
    this.#module = module;
    this.#options = options;
  }

  /**
   * One work at a time.
   *
   * @throws {WorkerError} when the process ended; {EngineError} when the pool closes; what the process reported
   */
  async compute<K extends Work['kind']>(work: Extract<Work, { kind: K }>): Promise<WorkResults[K]> {
    this.#process ??= this.#start();
    const { child, packer } = this.#process;
    let answer = await this.#ask(child, packer.pack(work));
    if (answer === 'missing') answer = await this.#ask(child, packer.pack(work, true));
    if (answer === 'missing') throw new Error('expected an answer, found memory missing that was sent');
    if (!answer.ok) throw fromFailure(answer.failure);
    return owned(answer.value) as WorkResults[K];
  }

  /** @throws {WorkerError} when the process is gone without an answer */
  async #ask(child: ChildProcess, wire: WireWork): Promise<Answer> {
    const over = new AbortController();
    const { signal } = over;
    const look = setInterval(() => {
      if (Atomics.load(this.#options.stop, 0) !== 0) child.kill('SIGKILL');
    }, LOOK_MS);
    try {
      const ended = once(child, 'exit', { signal }).then(([code, by]) => {
        throw new Error(`its process ended with ${by ?? `exit code ${code}`}`);
      });
      const said = once(child, 'message', { signal }).then(([answer]) => answer as Answer);
      // what cannot be sent shows by the end of the process
      child.send(wire, () => undefined);
      return await Promise.race([said, ended]);
    } catch (error) {
      // whatever went wrong, the next work finds another
      child.kill('SIGKILL');
      this.#process = undefined;
      expectRunning(this.#options.stop);
      throw new WorkerError((error as Error).message, { cause: error });
    } finally {
      clearInterval(look);
      over.abort();
    }
  }

  #start() {
    const { engine, executionProvider, tfjsBackend } = this.#options;
    const options = JSON.stringify({ engine, executionProvider, tfjsBackend } satisfies EngineOptions);
    const child = fork(new URL(this.#module), [options], {
      serialization: 'advanced',
      // results go to stdout, which is none of its business
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, `--max-semi-space-size=${SEMI_SPACE_MIB}`],
    });
    const started = { child, packer: new WirePacker() };
    const forget = () => {
      if (this.#process === started) this.#process = undefined;
    };
    child.once('exit', forget).on('error', forget);
    return started;
  }
}
