// The end of the way: every settled sample is written, or left out where it was dropped, and gets its line in the
// manifest, which says what was done to it and why, before it leaves: where a run ends early, nothing has left of which
// the manifest does not know. Images that leave raw leave with their own bytes. Then its credit returns to the reader.

import { concatMap, defer, finalize, type OperatorFunction, tap } from 'rxjs';
import { withoutImage } from '../../src/datasets/origin.ts';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import type { DatasetWriter } from '../../src/datasets/writer.ts';
import type { Credit } from '../operators/credited.ts';
import { Journal } from '../operators/journal.ts';
import { counted, type Report } from '../progress.ts';
import type { ManifestEntry, SettledSample } from '../records.ts';

/** Writes in the order of the stream. Opening and closing the writer is left to whoever knows whether the run succeeded. */
export function write({
  writer,
  store,
  manifest,
  credit,
  report,
  release,
}: {
  readonly writer: Pick<DatasetWriter, 'write'>;
  /** Path of the manifest, one JSON object a line. */
  readonly manifest: string;
  readonly credit: Credit;
  /** Tells how many samples there are, and what they were in their source. */
  readonly store: Pick<SampleStore, 'count' | 'origin'>;
  readonly report: Report;
  /** Notes what is given away, written or left out; awaited. */
  readonly release?: ((settled: SettledSample) => Promise<void>) | undefined;
}): OperatorFunction<SettledSample, ManifestEntry> {
  const put = async (settled: SettledSample, journal: Journal<ManifestEntry>): Promise<ManifestEntry> => {
    const { index, sample, entry } = settled;
    journal.append(entry);
    await release?.(settled);
    if (entry.image === 'none') return entry;
    const origin = store.origin(index);
    await writer.write(sample, entry.image === 'raw' ? origin : withoutImage(origin));
    return entry;
  };
  return (source) =>
    defer(() => {
      const journal = new Journal<ManifestEntry>(manifest);
      return source.pipe(
        concatMap((settled) => put(settled, journal)),
        tap({ next: () => credit.give(), complete: () => journal.close() }),
        finalize(() => journal.close()),
        counted('write', report, () => store.count),
      );
    });
}
