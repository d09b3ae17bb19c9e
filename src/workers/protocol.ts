// The language between the main thread and the worker threads: plain types only, no code. Everything here
// survives structured cloning. Weights and optimiser state live in shared memory, pixels travel with the task. `Work` is
// what is left of a task when that memory was read: processes share none.

import type { ImageShape } from '../datasets/sample.ts';
import type { DiffusionPlan } from '../diffusion/plan.ts';
import type { PredictionKind } from '../diffusion/prediction.ts';
import type { Graph } from '../graph/graph.ts';
import type { NoiseSchedule } from '../math/schedule.ts';
import type { NetworkSpec } from '../networks/network.ts';
import type { EngineOptions } from '../runtime/create-engine.ts';
import type { OnnxRef } from '../runtime/foreign-model.ts';
import type { ClassifierSignature, DenoiserSignature } from '../weights/onnx-signature.ts';
import type { SharedWeights } from '../weights/weights.ts';

/** What a worker is born with. */
export interface WorkerData extends EngineOptions {
  /** In shared memory: anything but 0 tells the worker to compute nothing any more. */
  readonly stop: Int32Array;
  /** Module of the process that computes in the thread's place; the thread itself does where it is left out. */
  readonly process?: string;
}

/** A network of this project. A worker loads it on first use and keeps it; changed weights need a new `id`. */
export interface NetworkRef {
  readonly kind: 'network';
  readonly id: string;
  readonly spec: NetworkSpec;
  readonly weights: SharedWeights;
}

export type DenoiserRef = (NetworkRef | OnnxRef<DenoiserSignature>) & {
  /** Noise where left out. */
  readonly predicts?: PredictionKind;
};
export type ClassifierRef = (NetworkRef | OnnxRef<ClassifierSignature>) & {
  /** Where it takes or returns something else than the classifiers that are trained here. */
  readonly view?: ClassifierView;
};

/** How somebody else's classifier takes images and orders classes. */
export interface ClassifierView {
  /** It takes scale·x + shift, channel by channel, of x in [−1, 1]. */
  readonly scale: readonly number[];
  readonly shift: readonly number[];
  /** Which of its outputs stands for each label; the same numbers where left out. */
  readonly outputs?: readonly number[];
}

/** What a training run shares between its steps and its workers. */
export interface TrainingJob {
  readonly id: string;
  readonly spec: NetworkSpec;
  /** Samples of one shard; a batch is `shards` of them, whatever the number of workers. */
  readonly shardSize: number;
  readonly shards: number;
  readonly rule: 'sgd' | 'adam';
  readonly weights: SharedWeights;
  /** How many of the weights, from the front, are trained; the rest are running statistics. */
  readonly trained: number;
  /** One flat gradient a shard, as long as the weights. */
  readonly gradients: readonly SharedArrayBuffer[];
  /** Flat optimiser state, each as long as `trained`: SGD [momentum]; Adam [first, second, average]. */
  readonly state: readonly SharedArrayBuffer[];
}

/** A shard for a classifier: [B, C, H, W], as pixels or as float32 in [−1, 1], and float32 [B, classes] target distributions. */
export interface LabelledShard {
  readonly kind: 'labelled';
  readonly x: Uint8Array | Float32Array;
  readonly targets: Float32Array;
}

/** A shard for a denoiser: uint8 [B, C, H, W]; the worker draws steps below `depth` and noise for (seed, step, shard). */
export interface NoisyShard {
  readonly kind: 'noisy';
  readonly pixels: Uint8Array;
  /** B. */
  readonly count: number;
  readonly seed: number;
  readonly step: number;
  readonly depth: number;
}

/** One shard's forward and backward pass; writes `job.gradients[shard]`, returns the loss. */
export interface GradientTask {
  readonly kind: 'gradient';
  readonly job: TrainingJob;
  readonly shard: number;
  readonly data: LabelledShard | NoisyShard;
}

/** The update of the weights in [from, to), all trained or all statistics. `hyper` is the rule's (see step-graphs). */
export interface UpdateTask {
  readonly kind: 'update';
  readonly job: TrainingJob;
  readonly from: number;
  readonly to: number;
  readonly hyper: Float32Array;
  /** In shared memory: how far the writing got (see shared-write). */
  readonly note: Int32Array;
}

/** A training job without its memory: what computing a shard's gradients takes. */
export interface JobLayout extends Pick<TrainingJob, 'id' | 'spec' | 'shardSize'> {
  readonly names: readonly string[];
  /** Of the names, in float32 values. */
  readonly offsets: readonly number[];
}

/** A gradient task with the weights as they are, flat. Result: loss and gradients, the latter good until the next. */
export interface GradientWork {
  readonly kind: 'gradient';
  readonly job: JobLayout;
  readonly weights: Float32Array;
  readonly shard: number;
  readonly data: LabelledShard | NoisyShard;
}

export interface ShardGradient {
  readonly loss: number;
  /** As long as the weights. */
  readonly gradients: Float32Array;
}

/** An update task with the numbers of its range. Result: the outputs of the rule's graph (see step-graphs). */
export interface UpdateWork {
  readonly kind: 'update';
  readonly rule: 'sgd' | 'adam' | 'average';
  readonly shards: number;
  readonly feeds: Readonly<Record<string, Float32Array>>;
}

/** Class probabilities [N, classes] and pooled features [N, F] of uint8 images [N, C, H, W]. */
export interface ClassifyTask {
  readonly kind: 'classify';
  readonly model: ClassifierRef;
  readonly shape: ImageShape;
  readonly pixels: Uint8Array;
}

/** Both outputs of a classifier for N images, flat. */
export interface Classified {
  readonly probabilities: Float32Array;
  readonly features: Float32Array;
}

/** Raw images of one batch; random numbers are keyed by the ids. */
export interface ImageBatch {
  readonly ids: readonly string[];
  readonly shape: ImageShape;
  /** uint8 [N, C, H, W]. */
  readonly pixels: Uint8Array;
}

/** What makes candidates of images: a denoiser, the schedule it was trained with, and a plan. */
export interface Purifier {
  readonly denoiser: DenoiserRef;
  readonly schedule: NoiseSchedule;
  readonly plan: DiffusionPlan;
}

/** Step 2. Result: uint8 [N, rounds × keep, C, H, W]. */
export interface DiffuseTask {
  readonly kind: 'diffuse';
  readonly purifier: Purifier;
  readonly images: ImageBatch;
}

/** Step 3: what the observer sees on the way. */
export interface ObserveTask {
  readonly kind: 'observe';
  readonly observer: ClassifierRef;
  readonly images: ImageBatch;
  readonly perSample: number;
  /** uint8 [N, perSample, C, H, W]. */
  readonly candidates: Uint8Array;
}

/**
 * Labels int32 [N, 1 + perSample], the raw image's first; float32 [N, classes] ln of the mean probabilities of the
 * candidates.
 */
export interface Observed {
  readonly labels: Int32Array;
  readonly scores: Float32Array;
}

/**
 * The default repair: the last candidate where the trigger stands, the raw image elsewhere, and the observer's label
 * of the result.
 */
export interface RestoreTask {
  readonly kind: 'restore';
  readonly observer: ClassifierRef;
  readonly images: ImageBatch;
  /** uint8 [H, W] each: 1 where the sample's trigger may stand; undefined for the whole image. */
  readonly masks: readonly (Uint8Array | undefined)[];
  /** uint8 [N, any number, C, H, W]. */
  readonly candidates: Uint8Array;
}

/** Images uint8 [N, C, H, W] and their labels [N]. */
export interface Restored {
  readonly pixels: Uint8Array;
  readonly labels: Int32Array;
}

/** Step 5. Result: uint8 [N, C, H, W], one of `among[n]` each (0 is the raw image). */
export interface ChooseTask {
  readonly kind: 'choose';
  readonly observer: ClassifierRef;
  readonly images: ImageBatch;
  readonly among: readonly (readonly number[])[];
  /** uint8 [N, any number, C, H, W]. */
  readonly candidates: Uint8Array;
  readonly quantile: number;
}

/** Any graph, such as a step of an attack's training. A worker loads it on first use and keeps it. */
export interface Program {
  readonly id: string;
  readonly graph: Graph;
  /** Baked in; parameters not named here are feeds. */
  readonly weights: SharedWeights;
  /** Whether the leading extent of data inputs may be any. */
  readonly anyBatch: boolean;
}

/** Runs a program once. Result: its outputs by name. */
export interface ComputeTask {
  readonly kind: 'compute';
  readonly program: Program;
  readonly feeds: Readonly<Record<string, Float32Array>>;
}

export type Task =
  | GradientTask
  | UpdateTask
  | ClassifyTask
  | DiffuseTask
  | ObserveTask
  | RestoreTask
  | ChooseTask
  | ComputeTask;

/** Tasks as an engine needs them: with numbers in place of memory that is written to. */
export type Work = Exclude<Task, GradientTask | UpdateTask> | GradientWork | UpdateWork;

/** What each work resolves to. */
export interface WorkResults extends Omit<TaskResults, 'gradient' | 'update'> {
  readonly gradient: ShardGradient;
  readonly update: Readonly<Record<string, Float32Array>>;
}

/** What each task resolves to. */
export interface TaskResults {
  readonly gradient: number;
  readonly update: undefined;
  readonly classify: Classified;
  readonly diffuse: Uint8Array;
  readonly observe: Observed;
  readonly restore: Restored;
  readonly choose: Uint8Array;
  readonly compute: Readonly<Record<string, Float32Array>>;
}

/** Where training tasks run; the worker pool implements it. */
export interface TrainingPool {
  readonly workers: number;
  gradient(task: GradientTask): Promise<number>;
  update(task: UpdateTask): Promise<void>;
}
