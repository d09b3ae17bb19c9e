// The verdict apart from the pipeline: records in, flagged labels out. Resampled and simulated datasets are judged
// here with the detector that a run would use.

import type { Settings } from '../../config/schema.ts';
import { detectionOf } from '../../src/app/rules.ts';
import { Contingency } from '../../src/defense/evidence/contingency.ts';
import { ScoreSample } from '../../src/defense/evidence/score-sample.ts';
import { type KeptImages, keepCandidates } from '../../src/defense/evidence/transitions.ts';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import type { TransitionRecord } from '../../src/ports/records.ts';

/** The labels that are flagged in a dataset of these records. */
export type Judge = (records: Iterable<TransitionRecord>) => readonly number[];

/** The judge that the settings describe. */
export function judgeOf(settings: Settings, classes: number): Judge {
  const { detector, minority } = detectionOf(settings, classes);
  // the same record is drawn again and again
  const known = new WeakMap<TransitionRecord, KeptImages>();
  return (records) => {
    const table = new Contingency(classes);
    const sample = new ScoreSample(classes);
    let drawn = 0;
    for (const record of records) {
      const kept = known.get(record) ?? keepCandidates(record.raw, record.labels, minority);
      known.set(record, kept);
      table.add(record.label, kept);
      const { label, raw, scores } = record;
      // a record that is drawn twice counts twice
      if (scores) sample.add({ id: `${drawn++}`, label, raw, scores });
    }
    return detector(table.table(), sample.table()).targetLabels;
  };
}

/** As many records as there are, drawn with replacement; each `draw` is another sample. */
export function* resampled<T>(records: readonly T[], seed: number, draw: number): Generator<T> {
  const random = new RandomStream(randomKey(seed, 'bootstrap'), draw);
  for (let i = 0; i < records.length; i++) yield records[random.integer(records.length)]!;
}

/**
 * Judges many datasets and counts those in which anything is flagged.
 *
 * @param dataset records of the dataset of each number below `count`
 * @throws the reason of `signal` when that aborts between two datasets
 */
export async function countAlarms(
  judge: Judge,
  count: number,
  dataset: (draw: number) => Iterable<TransitionRecord>,
  signal: AbortSignal,
): Promise<number> {
  let alarms = 0;
  for (let draw = 0; draw < count; draw++) {
    // signals are delivered between turns of the event loop
    if (draw % 10 === 0) await new Promise(setImmediate);
    signal.throwIfAborted();
    if (judge(dataset(draw)).length > 0) alarms++;
  }
  return alarms;
}
