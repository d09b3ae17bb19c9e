// The second look at a dataset, when every sample was seen and residuals are complete: the recovered triggers are laid
// onto raw images, and the observer's new labels complete the verdict. Images are few, the same for every stamp, and
// drawn from the sample that the evidence holds anyway.

import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import type { TransitionTable } from '../../src/defense/contingency.ts';
import type { Residuals } from '../../src/defense/residuals.ts';
import type { ScoreTable } from '../../src/defense/score-sample.ts';
import {
  type StampFinding,
  type StampTrial,
  stamped,
  stampsOf,
  stampTest,
} from '../../src/defense/stamp-test.ts';
import type { Verdict } from '../../src/defense/verdict.ts';
import { fromFailure } from '../../src/errors.ts';
import type { Runner } from '../runner.ts';
import type { Examine } from './detect.ts';
import { rawSamples } from './raw-samples.ts';

/** Raw images that each stamp is laid onto: so many a class, and at least so many. */
const IMAGES_A_CLASS = 10;
const FEWEST_IMAGES = 250;

/** Concludes from counts, scores and stamps. */
export type Conclude = (
  table: TransitionTable,
  scores: ScoreTable,
  stamps?: ReadonlyMap<number, StampFinding>,
) => Verdict;

export function examination({
  store,
  runner,
  residuals,
  conclude,
  batch,
}: {
  readonly store: SampleStore;
  readonly runner: Runner;
  /** Complete when the examination begins. */
  readonly residuals: Residuals;
  readonly conclude: Conclude;
  /** Images a call of the runner. */
  readonly batch: number;
}): Examine {
  return async ({ counts, scores }) => {
    const { classes } = counts;
    const wanted = Math.max(FEWEST_IMAGES, IMAGES_A_CLASS * classes);
    const found = scores.samples.flatMap(({ id, index }) => (index === undefined ? [] : [{ id, index }]));
    const images = rawSamples(store, found.slice(0, wanted));
    const before = await labelled(runner, images, batch);
    const trials: StampTrial[] = [];
    for (let label = 0; label < classes; label++) {
      for (const stamp of stampsOf(residuals, label)) {
        const withStamp = images.map((image) => ({ ...image, pixels: stamped(image.pixels, stamp) }));
        trials.push({ stamp, before, after: await labelled(runner, withStamp, batch) });
      }
    }
    return conclude(counts.table(), scores.table(), stampTest(trials, classes));
  };
}

/** Labels in batches, as many at a time as the runner can work on. @throws {DataElixirError} when one fails */
async function labelled(runner: Runner, images: readonly Sample[], batch: number): Promise<number[]> {
  const starts = Array.from({ length: Math.ceil(images.length / batch) }, (_, i) => i * batch);
  const answers = await Promise.all(starts.map((at) => runner.label(images.slice(at, at + batch))));
  return answers.flatMap((answer) => {
    if (!answer.ok) throw fromFailure(answer.failure);
    return answer.value;
  });
}
