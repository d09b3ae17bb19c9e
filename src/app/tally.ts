// What a run counts while it works: samples by what became of them, and, asked from those who know at the moment when
// somebody looks, calls of the denoiser, queues, restarts of workers and seconds. Plain numbers; who shows them to
// Prometheus or writes them into the record is not its concern.

import type { Credit } from '../../streams/operators/credited.ts';
import type { Stage } from '../../streams/progress.ts';
import type { ClassVerdict, Verdict } from '../defense/verdict/verdict.ts';
import type { Totals } from '../state/record.ts';
import type { Pool } from '../workers/pool.ts';
import type { PoolRunner } from '../workers/pool-runner.ts';
import type { StageClock } from './stage-clock.ts';

/** Whether the run lives, is about to end, or failed at its last pass and tries again. */
export type Health = 'ok' | 'ending' | 'failed';

/** What can become of a sample. */
export type Fate = keyof Totals['samples'];

/** Who knows; each as soon as there is one. */
interface Watched {
  pool?: Pick<Pool, 'restarts' | 'queued' | 'busy'>;
  runner?: Pick<PoolRunner, 'denoiserCalls'>;
  credit?: Pick<Credit, 'inFlight'>;
  clock?: Pick<StageClock, 'seconds'>;
}

/** Networks that are trained, as the log calls them too. */
export type TrainedNetwork =
  | 'observer'
  | 'benign'
  | 'clean'
  | 'denoiser'
  | 'train'
  | 'surrogate'
  | 'attack'
  | 'carriers';

/** Steps of the trainings of one network so far, and the loss of the last one. */
export interface Training {
  readonly steps: number;
  readonly loss: number;
}

export type States = Readonly<Record<ClassVerdict['state'], number>>;

/** Classes in each state; of one without samples nothing can be said. */
export function statesOf({ classes }: Pick<Verdict, 'classes'>): States {
  const states = { clean: 0, target: 0, undecided: 0 };
  for (const { state, samples } of classes) if (samples > 0) states[state] += 1;
  return states;
}

export class Tally {
  readonly #samples = { raw: 0, purified: 0, dropped: 0, quarantined: 0 };
  readonly #passed = new Map<Stage, number>();
  readonly #trainings = new Map<TrainedNetwork, Training>();
  #states: States | undefined;
  #lastPass: Date | undefined;
  #health: Health = 'ok';
  readonly #watched: Watched = {};

  /** One sample came to its end. */
  count(fate: Fate): void {
    this.#samples[fate] += 1;
  }

  /** So many samples passed a stage by now. */
  pass(stage: Stage, samples: number): void {
    this.#passed.set(stage, samples);
  }

  /** A training made one step more. */
  train(network: TrainedNetwork, loss: number): void {
    this.#trainings.set(network, { steps: (this.#trainings.get(network)?.steps ?? 0) + 1, loss });
  }

  /** What the last verdict is. */
  judge(verdict: Pick<Verdict, 'classes'>): void {
    this.#states = statesOf(verdict);
  }

  /** Everything was worked on that was there, and given away; or that failed, and is tried again. */
  endPass(done: boolean, now = new Date()): void {
    if (done) this.#lastPass = now;
    if (this.#health !== 'ending') this.#health = done ? 'ok' : 'failed';
  }

  /** The run is about to end, whatever it says from now on. */
  end(): void {
    this.#health = 'ending';
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

  /** Of each network that was trained, or is. */
  get trainings(): ReadonlyMap<TrainedNetwork, Training> {
    return this.#trainings;
  }

  /** Classes by state in the last verdict, if there was one. */
  get states(): States | undefined {
    return this.#states;
  }

  /** When the last pass ended, if one has. */
  get lastPass(): Date | undefined {
    return this.#lastPass;
  }

  get health(): Health {
    return this.#health;
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
