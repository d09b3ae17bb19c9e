// Where candidates of earlier runs are found again. A state on disk keeps them; the runner asks before it has any made.

import type { Sample } from '../datasets/sample.ts';
import type { CandidateKind } from './runner.ts';

/** Candidates that were made before, uint8 [rounds × keep, C, H, W] a sample. */
export interface CandidateCache {
  /** In the order of the samples; undefined where there are none. */
  find(samples: readonly Sample[], kind: CandidateKind): Promise<readonly (Uint8Array | undefined)[]>;
  keep(samples: readonly Sample[], candidates: readonly Uint8Array[], kind: CandidateKind): Promise<void>;
}
