// The candidates that were ever made, by id and content: a sample that comes again costs a lookup instead of denoiser
// calls. Keys begin with the id, so that runs over a source in its order read and write neighbours. Images that a run
// makes up, to test itself (canaries) or with a trigger's place filled, are kept apart and only for as long as runs ask for the same ones.

import { hash } from 'node:crypto';
import type { CandidateKind } from '../../streams/runner.ts';
import type { Sample } from '../datasets/sample.ts';
import type { CandidateCache } from '../workers/pool-runner.ts';
import { type Database, rangeOf } from './database.ts';

export class CandidateStore implements CandidateCache {
  readonly #database: Database;
  /** Canaries of this run; there are few. */
  readonly #canaries = new Set<string>();

  constructor(database: Database) {
    this.#database = database;
  }

  async find(samples: readonly Sample[], kind: CandidateKind): Promise<readonly (Uint8Array | undefined)[]> {
    const keys = samples.map((sample) => candidateKey(sample, kind));
    if (kind === 'canary') for (const key of keys) this.#canaries.add(key);
    return this.#database.getMany(keys);
  }

  async keep(
    samples: readonly Sample[],
    candidates: readonly Uint8Array[],
    kind: CandidateKind,
  ): Promise<void> {
    const entries = samples.map((sample, n) => ({
      type: 'put' as const,
      key: candidateKey(sample, kind),
      value: candidates[n]!,
    }));
    await this.#database.batch(entries);
  }

  /** Keys of canaries that this run did not ask for. */
  async unused(): Promise<string[]> {
    const keys = await this.#database.keys(rangeOf('canary/')).all();
    return keys.filter((key) => !this.#canaries.has(key));
  }
}

/** The id may hold any character but cannot be taken for another: the digest has a fixed length. */
function candidateKey({ id, pixels }: Sample, kind: CandidateKind): string {
  return `${kind === 'sample' ? 'candidate' : 'canary'}/${id}/${digestOf(pixels)}`;
}

/** Names bytes in a state: the first half of their SHA-256. */
export function digestOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, 32);
}
