// Trainings that go on from those of the last run instead of beginning again (`state.models: warm`): the observer stays
// as it was first trained, and the benign model is trained further on what is settled now. Cheaper than from scratch
// where a dataset grows, and not equal to it: results depend on the runs that came before. What is no longer released as
// a run learned it is unlearned: the training goes on from the last model that had not seen it.

import type { Checkpoint, Past, Role, WarmMemory } from '../ports/training-memory.ts';
import type { TrainingPool } from '../workers/protocol.ts';
import type { ClassifierTraining, TrainingProgress } from './train-classifier.ts';
import { modelOf } from './train-classifier.ts';
import {
  dataKey,
  type Lesson,
  lessonKey,
  type More,
  networkKey,
  trainInTurn,
  trainOnce,
  weightsOf,
} from './train-once.ts';

/** Models that are kept to go back to. */
const CHECKPOINTS = 4;

/** What a training needs beside its lesson. */
interface Means {
  readonly memory: WarmMemory;
  readonly pool: TrainingPool;
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

/** The observer as the first run trained it, or trained now where there is none for these images and classes. */
export async function trainFrozen({ memory, pool, onProgress }: Means, lesson: Lesson, more?: More) {
  const { spec, store } = lesson;
  const past = await pastOf(memory, 'observer', lesson);
  const known = past && (await memory.find(past.first));
  if (known) {
    await memory.note('observer', past);
    return modelOf(spec, weightsOf(spec, known));
  }
  const train = (one: Lesson) => trainOnce(memory, pool, one, onProgress);
  const { model, last } = await trainInTurn(train, lesson, more);
  const key = lessonKey(last);
  await memory.note('observer', { network: networkKey(spec), data: dataKey(store), first: key, last: key });
  return model;
}

/**
 * The benign model of the last run, or of one before it where the last has learned what is no longer so, trained further
 * where the data changed; from scratch where there is none.
 */
export async function trainFurther(means: Means, lesson: Lesson, further: ClassifierTraining) {
  const { memory, pool, onProgress } = means;
  const { spec, store } = lesson;
  const [network, data] = [networkKey(spec), dataKey(store)];
  const past = await pastOf(memory, 'benign', lesson);
  const known = past?.data === data ? await memory.find(past.first) : undefined;
  if (past && known) {
    const noted = { ...past, last: past.first };
    await noteBenign(memory, noted);
    return { model: modelOf(spec, weightsOf(spec, known)), past: noted };
  }
  const before = past ? checkpointsOf(past, await memory.outdated()) : [];
  const start = before.length > 0 ? await memory.peek(before.at(-1)!.last) : undefined;
  const next: Lesson = start ? { ...lesson, options: further, start: weightsOf(spec, start) } : lesson;
  const key = lessonKey(next);
  const model = await trainOnce(memory, pool, next, onProgress);
  const noted = { network, data, first: key, last: key, run: memory.run, before };
  await noteBenign(memory, noted);
  return { model, past: noted };
}

/** Models of which none has seen what the run `outdated` learned, oldest first. */
function checkpointsOf(
  { run = Number.MAX_SAFE_INTEGER, last, before = [] }: Past,
  outdated = Number.POSITIVE_INFINITY,
): readonly Checkpoint[] {
  return [...before, { run, last }].filter((checkpoint) => checkpoint.run < outdated).slice(-CHECKPOINTS);
}

async function noteBenign(memory: WarmMemory, past: Past): Promise<void> {
  for (const { last } of past.before ?? []) memory.retain(last);
  await memory.note('benign', past);
}

/** The second lesson of a benign model. */
export async function trainLast({ memory, pool, onProgress }: Means, lesson: Lesson, past: Past) {
  const key = lessonKey(lesson);
  const model = await trainOnce(memory, pool, lesson, onProgress);
  await noteBenign(memory, { ...past, last: key });
  return model;
}

async function pastOf(memory: WarmMemory, role: Role, { spec }: Lesson): Promise<Past | undefined> {
  const past = await memory.past(role);
  return past?.network === networkKey(spec) ? past : undefined;
}
