// Step 4 alone, for programs: transition records in, one verdict out.

import { judgeRecords, type Numbered } from '../../streams/detect.ts';
import { type Pullable, pulled } from '../../streams/operators/pulled.ts';
import { detectionOf } from '../app/rules.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import type { TransitionRecord } from '../ports/records.ts';
import { checkPullable, type Options, settingsOf } from './options.ts';

export interface DetectOptions extends Options {
  /** Called after each `detect.window` records with the verdict on all so far; a promise is awaited before more are taken. */
  readonly onEstimate?: (verdict: Verdict) => unknown;
}

/**
 * Judges transition records, from any machine and of any age, as the command `detect` does. Images are not looked at:
 * triggers that only their stamp betrays need `purify`.
 *
 * @throws {DatasetError} on the first value that is no transition record; {ConfigError} for a wrong option;
 *                        the reason of the signal when that aborts
 */
export async function detect(records: Pullable<TransitionRecord>, options: DetectOptions): Promise<Verdict> {
  checkPullable(records, 'transition records');
  const settings = settingsOf(options);
  const { classes, signal, onEstimate } = options;
  const detection = detectionOf(settings, classes);
  const tell = onEstimate ? ({ verdict }: { verdict: Verdict }) => onEstimate(verdict) : () => undefined;
  return judgeRecords(numbered(pulled(records, signal)), detection, tell, signal);
}

async function* numbered(records: AsyncIterable<TransitionRecord>): AsyncGenerator<Numbered> {
  let number = 0;
  for await (const value of records) {
    number += 1;
    yield { value, place: `record ${number}` };
  }
}
