// The end of the way: every settled sample is written, or left out where it was dropped, and gets its line in the
// manifest, which says what was done to it and why, before it leaves: where a run ends early, nothing has left of which
// the manifest does not know. Images that leave raw leave with their own bytes, and those that networks saw in another
// size leave in their own. Then its credit returns to the reader.

import { concatMap, defer, finalize, type OperatorFunction, tap } from 'rxjs';
import { type Origin, withoutImage } from '../../src/datasets/origin.ts';
import { inOwnSize } from '../../src/datasets/own-size.ts';
import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import type { DatasetWriter } from '../../src/datasets/writer.ts';
import { Journal } from '../../src/files/journal.ts';
import type { ManifestEntry, SettledSample } from '../../src/ports/records.ts';
import type { Credit } from '../operators/credited.ts';
import { counted, type Report } from '../progress.ts';

/** How images were fitted to the networks, as far as the samples do not say. */
export interface Fitted {
  /** Whether the writer takes images of all sizes; else they leave in the size that networks saw. */
  readonly ownSizes?: boolean;
  /** Tiles that each image was cut into for the denoiser, where there are several. */
  readonly tiles?: number;
}

/** The file that a repaired image leaves as; nothing where that is a PNG. */
export type Encode = (sample: Sample, origin: Origin | undefined) => Promise<Uint8Array | undefined>;

/** Where settled samples leave to, and as what. */
export interface Output {
  readonly writer: Pick<DatasetWriter, 'write' | 'place'>;
  /** Path of the manifest, one JSON object a line. */
  readonly manifest: string;
  /** Notes what is given away, written or left out, in source order; awaited. */
  readonly release?: ((settled: SettledSample) => Promise<void>) | undefined;
  /** How images were fitted to the networks; they are of one size where left out. */
  readonly fitted?: Fitted | undefined;
  /** Files of repaired images; PNG where left out. */
  readonly encode?: Encode | undefined;
}

export interface WriteParts {
  readonly output: Output;
  readonly credit: Credit;
  /** Tells how many samples there are, and what they were in their source. */
  readonly store: Pick<SampleStore, 'count' | 'origin'>;
  readonly report: Report;
}

/** Writes in the order of the stream. Opening and closing the writer is left to whoever knows whether the run succeeded. */
export function write({
  output: { writer, manifest, release, fitted = {}, encode },
  store,
  credit,
  report,
}: WriteParts): OperatorFunction<SettledSample, ManifestEntry> {
  const put = async (settled: SettledSample, journal: Journal<ManifestEntry>): Promise<ManifestEntry> => {
    const origin = store.origin(settled.index);
    const fit = await sized(settled, origin, fitted);
    const { sample } = fit;
    const { image } = fit.entry;
    const asItCame = image === 'raw' && !(origin?.size && !fitted.ownSizes);
    const encoded = image === 'purified' ? await encode?.(sample, origin) : undefined;
    const kept = asItCame ? origin : withoutImage(origin, encoded);
    const path = image === 'none' ? undefined : writer.place?.(sample, kept);
    const entry = path === undefined ? fit.entry : { ...fit.entry, path };
    journal.append(entry);
    await release?.({ ...fit, entry, ...(encoded && { encoded }) });
    if (image !== 'none') await writer.write(sample, kept);
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

/** A settled sample as it leaves, and says so. */
async function sized(
  settled: SettledSample,
  origin: Origin | undefined,
  { ownSizes = false, tiles = 1 }: Fitted,
): Promise<SettledSample> {
  if (!origin?.size && tiles === 1) return settled;
  const resized = origin?.size && { resized: origin.size };
  const entry = { ...settled.entry, ...resized, ...(tiles > 1 && { tiles }) };
  const { sample } = settled;
  return {
    ...settled,
    entry,
    sample: ownSizes ? await inOwnSize(sample, origin, entry.image === 'purified') : sample,
  };
}
