// The language between the main thread and the worker threads: plain types only, no code. Everything here
// survives structured cloning; weights live in shared memory, pixels and candidates are transferred.

import type { DiffusionPlan } from '../diffusion/plan.ts';
import type { Outcome } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';

/** Weights of one network in shared memory: `values` back to back in the order of `names`. */
export interface SharedWeights {
  readonly names: readonly string[];
  readonly offsets: readonly number[];
  readonly values: SharedArrayBuffer;
}

/**
 * A network that workers can run. A worker builds its session on first use and keeps it under `id`;
 * changed weights need a new `id`.
 */
export type ModelRef =
  | { readonly kind: 'graph'; readonly id: string; readonly graph: Graph; readonly weights: SharedWeights }
  | { readonly kind: 'onnx'; readonly id: string; readonly bytes: SharedArrayBuffer };

/** Raw images of one batch: uint8, [N, C, H, W]. */
export interface ImageBatch {
  readonly ids: readonly string[];
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly pixels: Uint8Array;
}

/** Candidate images of one batch: float32 [N, rounds × keep, C, H, W] in [−1, 1], rounds in order, each in order of time. */
export interface CandidateBatch {
  readonly images: ImageBatch;
  readonly perSample: number;
  readonly candidates: Float32Array;
}

export type { DiffusionPlan, Outcome };
