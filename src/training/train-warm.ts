// Trainings that go on from those of the last run instead of beginning again (`state.models: warm`): the observer stays
// as it was first trained, and the benign model is trained further on what is settled now. Cheaper than from scratch
// where a dataset grows, and not equal to it: results depend on the runs that came before.

import type { ClassifierTraining, TrainingProgress } from './train-classifier.ts';
import { modelOf } from './train-classifier.ts';
import {
  dataKey,
  type Lesson,
  lessonKey,
  networkKey,
  type TrainingMemory,
  trainOnce,
  weightsOf,
} from './train-once.ts';
import type { TrainingPool } from './trainer.ts';

/** What a network was trained for. */
export type Role = 'observer' | 'benign';

/** What the training in a role came to, by keys. */
export interface Past {
  readonly network: string;
  /** Of the samples that it learned first. */
  readonly data: string;
  readonly first: string;
  /** With those added that were settled with its help; else `first`. */
  readonly last: string;
}

/** Remembers from run to run. */
export interface WarmMemory extends TrainingMemory {
  /** What the last run noted. */
  past(role: Role): Promise<Past | undefined>;
  /** For the next run. */
  note(role: Role, past: Past): Promise<void>;
  /** As `find`, of what the next run will not need. */
  peek(key: string): Promise<Float32Array | undefined>;
}

/** What a training needs beside its lesson. */
interface Means {
  readonly memory: WarmMemory;
  readonly pool: TrainingPool;
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

/** The observer as the first run trained it, or trained now where there is none for these images and classes. */
export async function trainFrozen({ memory, pool, onProgress }: Means, lesson: Lesson) {
  const { spec, store } = lesson;
  const past = await pastOf(memory, 'observer', lesson);
  const known = past && (await memory.find(past.first));
  if (known) {
    await memory.note('observer', past);
    return modelOf(spec, weightsOf(spec, known));
  }
  const key = lessonKey(lesson);
  const model = await trainOnce(memory, pool, lesson, onProgress);
  await memory.note('observer', { network: networkKey(spec), data: dataKey(store), first: key, last: key });
  return model;
}

/** The benign model of the last run, trained further where the data changed; from scratch where there is none. */
export async function trainFurther(means: Means, lesson: Lesson, further: ClassifierTraining) {
  const { memory, pool, onProgress } = means;
  const { spec, store } = lesson;
  const [network, data] = [networkKey(spec), dataKey(store)];
  const past = await pastOf(memory, 'benign', lesson);
  const known = past?.data === data ? await memory.find(past.first) : undefined;
  if (past && known) {
    const noted = { ...past, last: past.first };
    await memory.note('benign', noted);
    return { model: modelOf(spec, weightsOf(spec, known)), past: noted };
  }
  const start = past && (await memory.peek(past.last));
  const next: Lesson = start ? { ...lesson, options: further, start: weightsOf(spec, start) } : lesson;
  const key = lessonKey(next);
  const model = await trainOnce(memory, pool, next, onProgress);
  const noted = { network, data, first: key, last: key };
  await memory.note('benign', noted);
  return { model, past: noted };
}

/** The second lesson of a benign model. */
export async function trainLast({ memory, pool, onProgress }: Means, lesson: Lesson, past: Past) {
  const key = lessonKey(lesson);
  const model = await trainOnce(memory, pool, lesson, onProgress);
  await memory.note('benign', { ...past, last: key });
  return model;
}

async function pastOf(memory: WarmMemory, role: Role, { spec }: Lesson): Promise<Past | undefined> {
  const past = await memory.past(role);
  return past?.network === networkKey(spec) ? past : undefined;
}
