// What a run counts while it works: samples by what became of them, and, asked from those who know at the moment when
// somebody looks, calls of the denoiser, queues, restarts of workers and seconds. Plain numbers; who shows them to
// Prometheus or writes them into the record is not its concern.

import type { Credit } from '../../streams/operators/credited.ts';
import type { Stage } from '../../streams/progress.ts';
import type { Totals } from '../state/record.ts';
import type { Pool } from '../workers/pool.ts';
import type { PoolRunner } from '../workers/pool-runner.ts';
import type { StageClock } from './workspace.ts';

/** What can become of a sample. */
export type Fate = keyof Totals['samples'];

/** Who knows; each as soon as there is one. */
interface Watched {
  pool?: Pick<Pool, 'restarts' | 'queued' | 'busy'>;
  runner?: Pick<PoolRunner, 'denoiserCalls'>;
  credit?: Pick<Credit, 'inFlight'>;
  clock?: Pick<StageClock, 'seconds'>;
}

export class Tally {
  readonly #samples = { raw: 0, purified: 0, dropped: 0, quarantined: 0 };
  readonly #passed = new Map<Stage, number>();
  readonly #watched: Watched = {};

  /** One sample came to its end. */
  count(fate: Fate): void {
    this.#samples[fate] += 1;
  }

  /** So many samples passed a stage by now. */
  pass(stage: Stage, samples: number): void {
    this.#passed.set(stage, samples);
  }

  /** Samples are counted from 0 again: another pass begins. */
  restart(): void {
    Object.assign(this.#samples, { raw: 0, purified: 0, dropped: 0, quarantined: 0 });
    this.#passed.clear();
  }

  watch(watched: Watched): void {
    Object.assign(this.#watched, watched);
  }

  /** Samples that passed each stage that has begun. */
  get passed(): ReadonlyMap<Stage, number> {
    return this.#passed;
  }

  /** Samples between the reader and the writer now. */
  get inFlight(): number {
    return this.#watched.credit?.inFlight ?? 0;
  }

  /** Tasks now: with a worker, and waiting for one. */
  get tasks(): { readonly busy: number; readonly queued: number } {
    const { busy = 0, queued = 0 } = this.#watched.pool ?? {};
    return { busy, queued };
  }

  get totals(): Totals {
    const { pool, runner, clock } = this.#watched;
    return {
      samples: { ...this.#samples },
      denoiserCalls: runner?.denoiserCalls ?? 0,
      workerRestarts: pool?.restarts ?? 0,
      seconds: clock?.seconds ?? {},
    };
  }
}
