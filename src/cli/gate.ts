// `--fail-on`: what a verdict must not say if the program is to end with 0, so that a job can stop at a poisoned
// dataset. Asked last: by then everything that a run gives away is written, whatever the verdict.

import type { Settings } from '../../config/schema.ts';
import type { ClassVerdict, Verdict } from '../defense/verdict/verdict.ts';
import { PoisonError } from '../errors.ts';

const REFUSED: Readonly<Record<Settings['detect']['failOn'], readonly ClassVerdict['state'][]>> = {
  never: [],
  poison: ['target'],
  undecided: ['target', 'undecided'],
};

/** @throws {PoisonError} when a class is in a state that `detect.failOn` refuses */
export function checkVerdict({ detect }: Settings, { classes }: Pick<Verdict, 'classes'>): void {
  const { failOn } = detect;
  const found = REFUSED[failOn].flatMap((state) => {
    // of a class without samples nothing can be said, and nothing has to be
    const labels = classes
      .filter((entry) => entry.state === state && entry.samples > 0)
      .map(({ label }) => label);
    return labels.length === 0 ? [] : [`${state} ${labels.join(', ')}`];
  });
  if (found.length === 0) return;
  throw new PoisonError(
    `expected no label that is ${REFUSED[failOn].join(' or ')} (--fail-on ${failOn}), found ${found.join('; ')}; ` +
      'all results are written',
  );
}
