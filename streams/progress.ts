// How far a pipeline is, as typed events: the command line draws a bar from them, a service could count them. The
// stages report; who listens decides how often to look.

import { defer, type MonoTypeOperatorFunction, tap } from 'rxjs';

/** Parts of a purification that report, in the order in which they end. */
export type Stage = 'observe' | 'select' | 'train' | 'relabel' | 'write';

export interface Progress {
  readonly stage: Stage;
  readonly state: 'running' | 'done';
  /** Samples that passed the stage so far. */
  readonly samples: number;
  /** At most so many will pass it, where that is known: all but those that are refused on the way. */
  readonly total?: number;
}

/** Called on every sample and at the end of each stage; must be quick. */
export type Report = (progress: Progress) => void;

/** Reports every item as one sample of `stage`. */
export function counted<T>(
  stage: Stage,
  report: Report,
  total: () => number | undefined = () => undefined,
): MonoTypeOperatorFunction<T> {
  return (source) =>
    defer(() => {
      let samples = 0;
      const tell = (state: Progress['state']) => {
        const expected = total();
        report({ stage, state, samples, ...(expected !== undefined && { total: expected }) });
      };
      return source.pipe(
        tap({
          next() {
            samples += 1;
            tell('running');
          },
          complete: () => tell('done'),
        }),
      );
    });
}
