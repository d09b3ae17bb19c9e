// What came of one round of decisions, on disk: a journal of the samples that are settled and one of those that
// wait. Raw images are not copied, the store has them; purified ones stand in their line.

import { join } from 'node:path';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { Journal, type Sink } from '../../src/files/journal.ts';
import type { ManifestEntry, PlacedRecord, SettledSample, WaitingSample } from '../../src/ports/records.ts';
import { rawSamples } from './raw-samples.ts';

/** A settled sample as a line; `pixels` (base64) only of purified images. */
export interface SettledLine {
  readonly index: number;
  readonly entry: ManifestEntry;
  readonly pixels?: string;
}

export class Settlement implements Sink<SettledSample | WaitingSample> {
  readonly settled: Journal<SettledLine>;
  readonly waiting: Journal<PlacedRecord>;

  /** @param folder receives two files; whoever made the folder removes it */
  constructor(folder: string, name: string) {
    this.settled = new Journal(join(folder, `${name}-settled.ndjson`));
    this.waiting = new Journal(join(folder, `${name}-waiting.ndjson`));
  }

  append(item: SettledSample | WaitingSample): void {
    if (item.kind === 'waiting') this.waiting.append(item.record);
    else this.settled.append(lineOf(item));
  }

  close(): void {
    this.settled.close();
    this.waiting.close();
  }
}

function lineOf({ index, entry, sample }: SettledSample): SettledLine {
  if (entry.image !== 'purified') return { index, entry };
  return { index, entry, pixels: Buffer.from(sample.pixels).toString('base64') };
}

/** The sample of a line, its image from the line or from the store. */
export function restored({ index, entry, pixels }: SettledLine, store: SampleStore): SettledSample {
  const [raw] = rawSamples(store, [{ index, id: entry.id }]);
  const sample = { ...raw!, label: entry.label };
  if (pixels === undefined) return { kind: 'settled', index, entry, sample };
  return {
    kind: 'settled',
    index,
    entry,
    sample: { ...sample, pixels: new Uint8Array(Buffer.from(pixels, 'base64')) },
  };
}
