// The state as a run uses it (`--state`): opened before anything is touched, bound to the purifier when that is
// known, asked along the way, and committed when everything that the run gives away is in its place.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { PurifySummary } from '../../streams/purify.ts';
import type { Estimate } from '../../streams/stages/detect.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import { ConfigError } from '../errors.ts';
import type { SettledSample } from '../ports/records.ts';
import { CandidateStore, digestOf } from '../state/candidates.ts';
import { JSON_VALUE, onDatabase } from '../state/database.ts';
import { Ledger } from '../state/ledger.ts';
import { NetworkStore } from '../state/networks.ts';
import { Outbox } from '../state/outbox.ts';
import type { Positions } from '../state/positions.ts';
import { type Identity, State } from '../state/state.ts';
import type { DenoiserRef } from '../workers/protocol.ts';
import type { Context } from './context.ts';
import type { LogEvents } from './log-events.ts';
import type { Denoiser } from './models.ts';
import { versions } from './paths.ts';
import { planOf } from './rules.ts';

/** Runs `work` with the configured state, or with none. The state is closed at the end, and unharmed by failures. */
export async function withState<T>(
  { settings }: Context,
  work: (state: State | undefined) => Promise<T>,
): Promise<T> {
  const { path, models } = settings.state;
  if (path === null) {
    if (models === 'scratch') return work(undefined);
    throw new ConfigError(
      `state.models: expected a state for ${models} models to come from, found none; pass --state FOLDER`,
    );
  }
  const folder = resolve(path);
  return onDatabase(folder, async () => {
    const state = await State.open(folder, versions().dataelixir);
    try {
      return await work(state);
    } finally {
      await state.close();
    }
  });
}

type LineOf = (settled: SettledSample) => string;

/** What one run asks of a state and leaves in it. */
export class RunMemory {
  readonly state: State;
  readonly candidates: CandidateStore;
  readonly networks: NetworkStore;
  /** The networks where trainings go on from those of the last run. */
  readonly warm: NetworkStore | undefined;
  readonly ledger: Ledger;
  readonly #positions: Positions | undefined;
  readonly #outbox: Outbox;
  /** Windows by time differ from run to run. */
  readonly #keepWindows: boolean;
  readonly #windows: Promise<void>[] = [];
  #changed = 0;
  #withdrawn = 0;
  #added = 0;

  /**
   * @param positions of the sources, by the time that all is read
   * @param lineOf    a sample that is released first, as a line; left out where only corrections are told
   */
  constructor(
    { settings }: Context,
    state: State,
    { positions, lineOf }: { positions?: Positions | undefined; lineOf?: LineOf | undefined },
  ) {
    this.state = state;
    this.#positions = positions;
    this.#keepWindows = settings.detect.windowSeconds === null;
    this.candidates = new CandidateStore(state);
    this.networks = new NetworkStore(state);
    this.warm = settings.state.models === 'warm' ? this.networks : undefined;
    this.#outbox = new Outbox(state);
    this.ledger = new Ledger(state, {
      correct: (correction) => {
        if (correction.op === 'retract') this.#withdrawn += 1;
        else this.#changed += 1;
        this.#outbox.append(JSON.stringify(correction));
      },
      add: (settled) => {
        this.#added += 1;
        if (lineOf) this.#outbox.append(lineOf(settled));
      },
    });
  }

  /** Corrections of what was released before. */
  get corrected(): number {
    return this.#changed + this.#withdrawn;
  }

  /** What the run brings, in samples. */
  get news(): Pick<LogEvents['pass'], 'new' | 'changed' | 'withdrawn' | 'corrected'> {
    const { corrected } = this;
    return { new: this.ledger.unknown, changed: this.#changed, withdrawn: this.#withdrawn, corrected };
  }

  /** Whether the run releases anything, or corrects it. */
  get changed(): boolean {
    return this.corrected + this.#added > 0;
  }

  mayReplace(path: string): Promise<boolean> {
    return this.state.owns(resolve(path));
  }

  claim(path: string): Promise<void> {
    return this.state.claim(resolve(path));
  }

  /** Notes a window; a failure to write ends the run, at the latest when it concludes. */
  window({ window, count, table }: Estimate): void {
    if (!this.#keepWindows) return;
    const key = this.state.windowKey(window);
    const value = { samples: count, table };
    const put = this.state.database.put<string, unknown>(key, value, JSON_VALUE);
    // who concludes is told
    put.catch(() => undefined);
    this.#windows.push(put);
  }

  /** Notes the verdict and what was read, and completes the corrections, before anything is published. */
  async conclude({ verdict }: PurifySummary): Promise<void> {
    const { database, next } = this.state;
    await Promise.all(this.#windows);
    await database.put<string, unknown>(`${next}verdict`, verdict, JSON_VALUE);
    await this.#positions?.keep(this.state);
    await this.ledger.finish();
    this.#outbox.close();
  }

  /** Lets go of what a run leaves open that did not come to its end. */
  dispose(): void {
    this.#outbox.dispose();
  }

  /** Makes the run the state's last one; after it is published, so that a killed run corrects again. */
  async commit(): Promise<void> {
    await this.state.commit([...(await this.candidates.unused()), ...(await this.networks.unused())]);
  }
}

/** What candidates depend on, and with them a state. */
export function identityOf(
  { settings }: Context,
  { model, schedule }: Denoiser,
  { shape }: DatasetInfo,
): Identity {
  const plan = Object.entries(planOf(settings)).map(([name, value]) => [`diffusion.${name}`, value]);
  const { engine, executionProvider, tfjsBackend } = settings;
  return {
    denoiser: denoiserKey(model),
    ...(model.predicts && { prediction: model.predicts }),
    schedule: digestOf(Buffer.from(JSON.stringify(schedule))),
    ...Object.fromEntries(plan),
    shape: shape.join('×'),
    engine: `${engine} ${engine === 'onnx' ? executionProvider : tfjsBackend}`,
  };
}

function denoiserKey(model: DenoiserRef): string {
  const hash = createHash('sha256');
  if (model.kind === 'onnx') hash.update(new Uint8Array(model.bytes));
  else hash.update(JSON.stringify(model.spec)).update(new Uint8Array(model.weights.values));
  return hash.digest('hex').slice(0, 32);
}
