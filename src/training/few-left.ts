// A store as a trainer reads it, with few samples left of some classes: what a network learns without the others.

import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { TrainingSet } from './train-classifier.ts';

/** Labels read at a time. */
const BLOCK = 256;

/** @param left places of what is left, by label; repeated until the class is as large as it was */
export function withFewLeft(
  store: Pick<SampleStore, 'read' | 'count'>,
  left: ReadonlyMap<number, readonly number[]>,
): TrainingSet['store'] {
  const turns = new Map<number, number>();
  const places: number[] = [];
  for (let at = 0; at < store.count; at += BLOCK) {
    const block = Array.from({ length: Math.min(BLOCK, store.count - at) }, (_, i) => at + i);
    store.read(block).labels.forEach((label, i) => {
      const few = left.get(label);
      const turn = turns.get(label) ?? 0;
      if (few) turns.set(label, turn + 1);
      places.push(few ? few[turn % few.length]! : block[i]!);
    });
  }
  return { count: places.length, read: (some) => store.read(Array.from(some, (n) => places[n]!)) };
}
