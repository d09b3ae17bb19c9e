// The networks that runs have trained, by what they were trained from, so that unchanged data is not trained on
// twice; and, while a training works, its state after each epoch, so that one that was killed goes on from there.

import type { Sample } from '../datasets/sample.ts';
import type { ClassifierCheckpoint, Past, Role, WarmMemory } from '../ports/training-memory.ts';
import { type Database, JSON_VALUE, rangeOf } from './database.ts';
import { Learned } from './learned.ts';
import type { State } from './state.ts';

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

export class NetworkStore implements WarmMemory {
  readonly #state: State;
  readonly #database: Database;
  readonly #used = new Set<string>();
  readonly #learned: Learned;

  constructor(state: State) {
    this.#state = state;
    this.#database = state.database;
    this.#learned = new Learned(state);
  }

  get run(): number {
    return this.#state.run + 1;
  }

  learn(sample: Sample): Promise<void> {
    return this.#learned.add(sample);
  }

  outdated(): Promise<number | undefined> {
    return this.#learned.outdated();
  }

  retain(key: string): void {
    this.#used.add(`model/${key}`);
  }

  async find(key: string): Promise<Float32Array | undefined> {
    this.#used.add(`model/${key}`);
    return this.peek(key);
  }

  async peek(key: string): Promise<Float32Array | undefined> {
    return floats(await this.#database.get(`model/${key}`));
  }

  past(role: Role): Promise<Past | undefined> {
    return this.#database.get<string, Past>(`${this.#state.current}network/${role}`, JSON_VALUE);
  }

  async note(role: Role, past: Past): Promise<void> {
    await this.#database.put<string, Past>(`${this.#state.next}network/${role}`, past, JSON_VALUE);
  }

  async keep(key: string, weights: Float32Array): Promise<void> {
    await this.#database.batch([
      { type: 'put', key: `model/${key}`, value: bytes(weights) },
      { type: 'del', key: `checkpoint/${key}` },
    ]);
  }

  /** Stored as step, weights and momentum, back to back. */
  async findCheckpoint(key: string): Promise<ClassifierCheckpoint | undefined> {
    const all = floats(await this.#database.get(`checkpoint/${key}`));
    if (!all) return undefined;
    const [step, length] = headOf(all) as unknown as readonly [number, number];
    return { step, weights: all.subarray(2, 2 + length), momentum: all.subarray(2 + length) };
  }

  async keepCheckpoint(key: string, { step, weights, momentum }: ClassifierCheckpoint): Promise<void> {
    const all = new Float32Array(2 + weights.length + momentum.length);
    headOf(all).set([step, weights.length]);
    all.set(weights, 2);
    all.set(momentum, 2 + weights.length);
    await this.#database.put(`checkpoint/${key}`, bytes(all));
  }

  /** Keys of networks that this run did not ask for, and of trainings that nobody will end. */
  async unused(): Promise<string[]> {
    const models = await this.#database.keys(rangeOf('model/')).all();
    const checkpoints = await this.#database.keys(rangeOf('checkpoint/')).all();
    return [...models.filter((key) => !this.#used.has(key)), ...checkpoints];
  }
}

/** The step and the number of weights, as whole numbers. */
function headOf(all: Float32Array): Uint32Array {
  return new Uint32Array(all.buffer, 0, 2);
}

function bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** A copy, because what a database returns need not be aligned. */
function floats(value: Uint8Array | undefined): Float32Array | undefined {
  if (value === undefined) return undefined;
  const aligned = new Float32Array(value.length / FLOAT_BYTES);
  bytes(aligned).set(value);
  return aligned;
}
