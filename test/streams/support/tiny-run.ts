// A purification of the tiny world, with everything that it leaves behind within reach.

import type { ReadResult, Sample } from '../../../src/datasets/sample.ts';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import { DEFAULT_POLICY } from '../../../src/defense/repair/repair.ts';
import type { ManifestEntry, PlacedRecord, Refuse } from '../../../src/ports/records.ts';
import type { Progress } from '../../../streams/progress.ts';
import { type PurifyParts, runPurification } from '../../../streams/purify.ts';
import type { Estimate } from '../../../streams/stages/detect.ts';
import type { Output } from '../../../streams/stages/write.ts';
import { TinyRunner, TinyTrainer } from './tiny-runner.ts';
import { detection, Scratch } from './tiny-world.ts';

export type Bad = Parameters<Refuse>[0];

/** Other parts than the usual ones; of the output some. */
export type TinyChanges = Partial<Omit<PurifyParts, 'output'>> & { readonly output?: Partial<Output> };

/** Parts of a run in a folder of its own, and what they noted. `dispose` removes the folder. */
export class TinyRun {
  readonly scratch = new Scratch();
  readonly runner: TinyRunner;
  readonly trainer = new TinyTrainer();
  readonly written: Sample[] = [];
  readonly refused: Bad[] = [];
  readonly estimates: Estimate[] = [];
  readonly progress: Progress[] = [];
  readonly parts: PurifyParts;

  constructor(source?: AsyncIterable<ReadResult>, { output, ...changes }: TinyChanges = {}, concurrency = 2) {
    this.runner = new TinyRunner(concurrency);
    this.parts = {
      ...(source && { source }),
      store: this.scratch.store,
      runner: this.runner,
      trainer: this.trainer,
      detection,
      residuals: new Residuals(4),
      policy: { ...DEFAULT_POLICY, minority: detection.minority },
      inFlight: 64,
      batch: 8,
      transitions: this.scratch.path('transitions.ndjson'),
      output: {
        writer: { write: async (sample) => void this.written.push(sample) },
        manifest: this.scratch.path('manifest.ndjson'),
        ...output,
      },
      scratch: this.scratch.folder,
      refuse: async (bad) => void this.refused.push(bad),
      onEstimate: (estimate) => this.estimates.push(estimate),
      report: (progress) => this.progress.push(progress),
      ...changes,
    };
  }

  run(signal?: AbortSignal) {
    return runPurification(this.parts, signal);
  }

  get manifest(): ManifestEntry[] {
    return this.scratch.records('manifest.ndjson');
  }

  get transitions(): PlacedRecord[] {
    return this.scratch.records('transitions.ndjson');
  }

  dispose(): void {
    this.scratch.dispose();
  }
}
