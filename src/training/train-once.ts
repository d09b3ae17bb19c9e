// Trains a classifier unless the very same training was done before: a result is known by everything that it
// follows from (network, options, data in its order, weights to start from).

import { createHash } from 'node:crypto';
import type { ClassifierSpec } from '../networks/network.ts';
import type { TrainingMemory } from '../ports/training-memory.ts';
import type { SharedWeights } from '../weights/weights.ts';
import { packWeights } from '../weights/weights.ts';
import type { NetworkRef, TrainingPool } from '../workers/protocol.ts';
import { initialWeights } from './steps/initial-weights.ts';
import {
  type ClassifierTraining,
  modelOf,
  type TrainingProgress,
  type TrainingSet,
  trainClassifier,
} from './train-classifier.ts';

/** A training in full. */
export interface Lesson {
  readonly spec: ClassifierSpec;
  readonly store: TrainingSet['store'];
  readonly options: ClassifierTraining;
  /** Train further from these, which are left as they are; from fresh ones where undefined. */
  readonly start?: SharedWeights | undefined;
}

const BLOCK = 256;

/** Does a training, goes on with it, or remembers its result; without a memory it only does it. */
export async function trainOnce(
  memory: TrainingMemory | undefined,
  pool: TrainingPool,
  lesson: Lesson,
  onProgress?: (progress: TrainingProgress) => void,
): Promise<NetworkRef> {
  const { spec, store, options, start } = lesson;
  if (!memory)
    return trainClassifier(pool, spec, { store }, options, onProgress, start && copyOf(spec, start));
  const key = lessonKey(lesson);
  const known = await memory.find(key);
  if (known) return modelOf(spec, weightsOf(spec, known));
  const model = await trainClassifier(
    pool,
    spec,
    { store },
    options,
    onProgress,
    start && copyOf(spec, start),
    {
      resume: await memory.findCheckpoint(key),
      save: (checkpoint) => memory.keepCheckpoint(key, checkpoint),
    },
  );
  await memory.keep(key, new Float32Array(model.weights.values));
  return model;
}

/** What may follow a lesson: undefined where nothing has to. */
export type More = (model: NetworkRef) => Promise<Lesson | undefined>;

/** Does a lesson, and others for as long as something has to follow. @returns the model and the lesson that made it */
export async function trainInTurn(
  train: (lesson: Lesson) => Promise<NetworkRef>,
  first: Lesson,
  more: More = async () => undefined,
): Promise<{ readonly model: NetworkRef; readonly last: Lesson }> {
  let last = first;
  let model = await train(first);
  for (let next = await more(model); next; next = await more(model)) {
    last = next;
    model = await train(next);
  }
  return { model, last };
}

/** Names a training, and so its result. */
export function lessonKey({ spec, store, options, start }: Lesson): string {
  const startKey = start ? digest(new Uint8Array(start.values)) : 'fresh';
  return digest(JSON.stringify([spec, options, startKey, dataKey(store)]));
}

/** Names a network, whatever its weights. */
export function networkKey(spec: ClassifierSpec): string {
  return digest(JSON.stringify(spec));
}

/** Names the content of a store: images and labels in their order. */
export function dataKey(store: TrainingSet['store']): string {
  const hash = createHash('sha256');
  for (let at = 0; at < store.count; at += BLOCK) {
    const indices = Array.from({ length: Math.min(BLOCK, store.count - at) }, (_, i) => at + i);
    const { pixels, labels } = store.read(indices);
    hash.update(pixels).update(new Uint8Array(labels.buffer));
  }
  return hash.digest('hex').slice(0, 32);
}

function copyOf(spec: ClassifierSpec, weights: SharedWeights): SharedWeights {
  return weightsOf(spec, new Float32Array(weights.values));
}

/** Weights of their own, from flat ones as they are remembered. */
export function weightsOf(spec: ClassifierSpec, flat: Float32Array): SharedWeights {
  const weights = packWeights(initialWeights(spec, 0));
  new Float32Array(weights.values).set(flat);
  return weights;
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32);
}
