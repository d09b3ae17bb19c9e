// The end of the way: every settled sample is written, or left out where it was dropped, and gets its line in the
// manifest, which says what was done to it and why. Then its credit returns to the reader.

import { concatMap, type OperatorFunction, tap } from 'rxjs';
import type { SampleStore } from '../../src/datasets/sample-store.ts';
import type { DatasetWriter } from '../../src/datasets/writer.ts';
import type { Credit } from '../operators/credited.ts';
import { Journal, journalled } from '../operators/journal.ts';
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
  /** Tells how many samples there are. */
  readonly store: Pick<SampleStore, 'count'>;
  readonly report: Report;
  /** Notes what is given away, written or left out; awaited. */
  readonly release?: ((settled: SettledSample) => Promise<void>) | undefined;
}): OperatorFunction<SettledSample, ManifestEntry> {
  const put = async (settled: SettledSample): Promise<ManifestEntry> => {
    const { sample, entry } = settled;
    await release?.(settled);
    if (entry.image !== 'none') await writer.write(sample);
    return entry;
  };
  return (source) =>
    source.pipe(
      concatMap(put),
      journalled(new Journal<ManifestEntry>(manifest)),
      tap(() => credit.give()),
      counted('write', report, () => store.count),
    );
}
