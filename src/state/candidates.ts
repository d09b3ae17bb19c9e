// The candidates that were ever made, by id and content: a sample that comes again costs a lookup instead of denoiser
// calls. Keys begin with the id, so that runs over a source in its order read and write neighbours; the images stand in
// the value log, in the order in which they were made. Images that a run makes up, to test itself (canaries) or with a
// trigger's place filled, are kept apart and only for as long as runs ask for the same ones.

import { hash } from 'node:crypto';
import type { Sample } from '../datasets/sample.ts';
import type { CandidateCache } from '../ports/candidates.ts';
import type { CandidateKind } from '../ports/runner.ts';
import { type Database, JSON_VALUE, rangeOf } from './database.ts';
import type { Place, ValueLog } from './value-log.ts';

/** Entries that are copied together. */
const BLOCK = 256;
const PREFIXES = { sample: 'candidate/', canary: 'canary/' } as const;

export class CandidateStore implements CandidateCache {
  readonly #database: Database;
  readonly #values: ValueLog;
  /** Canaries of this run; there are few, and those of other runs are removed, so they stand in the database. */
  readonly #canaries = new Set<string>();

  constructor({ database, values }: { readonly database: Database; readonly values: ValueLog }) {
    this.#database = database;
    this.#values = values;
  }

  async find(samples: readonly Sample[], kind: CandidateKind): Promise<readonly (Uint8Array | undefined)[]> {
    const keys = samples.map((sample) => candidateKey(sample, kind));
    if (kind === 'canary') for (const key of keys) this.#canaries.add(key);
    return this.getMany(keys, kind);
  }

  async keep(
    samples: readonly Sample[],
    candidates: readonly Uint8Array[],
    kind: CandidateKind,
  ): Promise<void> {
    await this.putMany(
      samples.map((sample) => candidateKey(sample, kind)),
      candidates,
      kind,
    );
  }

  /** Candidates by their keys; undefined where there are none. */
  async getMany(keys: readonly string[], kind: CandidateKind): Promise<readonly (Uint8Array | undefined)[]> {
    if (kind === 'canary') return this.#database.getMany([...keys]);
    return this.#values.read(await this.#database.getMany<string, Place>([...keys], JSON_VALUE));
  }

  async putMany(
    keys: readonly string[],
    candidates: readonly Uint8Array[],
    kind: CandidateKind,
  ): Promise<void> {
    if (kind === 'canary') return this.#database.batch(keys.map((key, n) => put(key, candidates[n]!)));
    const places = await this.#values.append(candidates);
    const written = keys.map((key, n) => ({ ...put(key, places[n]!), ...JSON_VALUE }));
    return this.#database.batch<string, Place>(written, {});
  }

  /** All that are there, in the order of their keys, in blocks. */
  async *blocks(kind: CandidateKind): AsyncGenerator<readonly (readonly [key: string, value: Uint8Array])[]> {
    const keys = this.#database.keys(rangeOf(PREFIXES[kind]));
    try {
      for (;;) {
        const block = await keys.nextv(BLOCK);
        if (block.length === 0) return;
        const values = await this.getMany(block, kind);
        yield block.flatMap((key, n) => (values[n] ? [[key, values[n]] as const] : []));
      }
    } finally {
      await keys.close();
    }
  }

  /** How many there are. */
  async count(kind: CandidateKind): Promise<number> {
    let count = 0;
    for await (const _ of this.#database.keys(rangeOf(PREFIXES[kind]))) count += 1;
    return count;
  }

  /** Keys of canaries that this run did not ask for. */
  async unused(): Promise<string[]> {
    const keys = await this.#database.keys(rangeOf(PREFIXES.canary)).all();
    return keys.filter((key) => !this.#canaries.has(key));
  }
}

function put<T>(key: string, value: T) {
  return { type: 'put', key, value } as const;
}

/** The id may hold any character but cannot be taken for another: the digest has a fixed length. */
function candidateKey({ id, pixels }: Sample, kind: CandidateKind): string {
  return `${PREFIXES[kind]}${id}/${digestOf(pixels)}`;
}

/** Names bytes in a state: the first half of their SHA-256. */
export function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, 32);
}
