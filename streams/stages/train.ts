// Step 7, the learning: the benign model takes in every settled sample as it passes, and is ready when this stage
// completes.

import { concat, concatMap, defer, ignoreElements, type MonoTypeOperatorFunction } from 'rxjs';
import type { SettledSample, WaitingSample } from '../../src/ports/records.ts';
import type { BenignTrainer } from '../../src/ports/runner.ts';
import type { Report } from '../progress.ts';

/** Feeds `trainer` and passes everything on; completes after `finish`, which is left out where nothing was fed. */
export function train({
  trainer,
  report,
}: {
  readonly trainer: BenignTrainer;
  readonly report: Report;
}): MonoTypeOperatorFunction<SettledSample | WaitingSample> {
  return (source) =>
    defer(() => {
      let samples = 0;
      const feed = async (item: SettledSample | WaitingSample) => {
        if (item.kind === 'settled' && item.entry.image !== 'none') {
          await trainer.add(item.sample);
          samples += 1;
        }
        return item;
      };
      const finish = async () => {
        if (samples === 0) return;
        report({ stage: 'train', state: 'running', samples });
        await trainer.finish();
        report({ stage: 'train', state: 'done', samples });
      };
      return concat(source.pipe(concatMap(feed)), defer(finish).pipe(ignoreElements()));
    });
}
