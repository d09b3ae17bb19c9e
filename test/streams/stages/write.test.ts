import { from, lastValueFrom, of, throwError, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/datasets/open.ts';
import type { Origin } from '../../../src/datasets/origin.ts';
import type { Sample } from '../../../src/datasets/sample.ts';
import { openWriter } from '../../../src/datasets/writer.ts';
import type { ManifestEntry, SettledSample } from '../../../src/ports/records.ts';
import { Credit } from '../../../streams/operators/credited.ts';
import { write } from '../../../streams/stages/write.ts';
import { sampleOf } from '../support/tiny-runner.ts';
import { Scratch } from '../support/tiny-world.ts';

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch.dispose());

function settledSample(id: string, image: ManifestEntry['image'], index: number): SettledSample {
  const rule = image === 'none' ? 'dropped' : 'unflagged';
  const entry: ManifestEntry = { id, given: 1, label: 1, image, rule, reason: 'a test' };
  return { kind: 'settled', index, sample: sampleOf(id, 1, 1), entry };
}

const samples = [
  settledSample('b', 'raw', 0),
  settledSample('c', 'none', 1),
  settledSample('a', 'purified', 2),
];

describe('write', () => {
  it('writes a dataset that a reader reads back, and a line for each sample, also for dropped ones', async () => {
    const credit = new Credit(3);
    for (const _ of samples) await credit.take();
    const writer = await openWriter(scratch.path('out.tar'), {
      format: 'webdataset',
      classes: 6,
      shape: [1, 2, 2],
    });
    const parts = {
      output: { writer, manifest: scratch.path('m.ndjson') },
      store: { count: 3, origin: () => undefined },
      credit,
      report: () => undefined,
    };
    const entries = await lastValueFrom(from(samples).pipe(write(parts), toArray()));
    expect(await writer.close()).toBe(2);
    expect(entries).toEqual(samples.map(({ entry }) => entry));
    expect(scratch.records('m.ndjson')).toEqual(entries);
    expect(credit.inFlight).toBe(0);

    const dataset = await openDataset([scratch.path('out.tar')], { classes: 6 });
    const read: Sample[] = [];
    for await (const result of dataset.read()) if (result.ok) read.push(result.sample);
    expect(read.map(({ label, pixels }) => ({ label, pixels }))).toEqual([
      { label: 1, pixels: samples[0]!.sample.pixels },
      { label: 1, pixels: samples[2]!.sample.pixels },
    ]);
  });

  it('writes one after the other, and gives credit back only for what is written', async () => {
    const credit = new Credit(3);
    for (const _ of samples) await credit.take();
    const seen: string[] = [];
    const writer = {
      async write({ id }: Sample) {
        seen.push(`${id} begins with ${credit.inFlight} in flight`);
        await new Promise((resolve) => setTimeout(resolve, 2));
        seen.push(`${id} ends`);
      },
    };
    const parts = {
      output: { writer, manifest: scratch.path('m.ndjson') },
      store: { count: 3, origin: () => undefined },
      credit,
      report: () => undefined,
    };
    await lastValueFrom(from(samples).pipe(write(parts)));
    expect(seen).toEqual(['b begins with 3 in flight', 'b ends', 'a begins with 1 in flight', 'a ends']);
  });

  it('says where files stand, and writes a repaired JPEG as what it is told to encode it as', async () => {
    const origins = [
      { image: Buffer.from('raw'), rest: { format: 'class-folders', folder: 'b', name: 'b.JPG' } },
      undefined,
      { image: Buffer.from('was'), rest: { format: 'class-folders', folder: 'a', name: 'a.JPG' } },
    ] as const;
    const written: (Origin | undefined)[] = [];
    const released: (Uint8Array | undefined)[] = [];
    const encoded = Buffer.from('is');
    const credit = new Credit(3);
    for (const _ of samples) await credit.take();
    const parts = {
      output: {
        writer: {
          place: ({ id }: Sample, origin?: Origin) => (origin?.encoded ? `1/${id}~2.jpg` : undefined),
          write: async (_: Sample, origin?: Origin) => void written.push(origin),
        },
        manifest: scratch.path('m.ndjson'),
        encode: async (_: Sample, origin: Origin | undefined) =>
          origin === origins[2] ? encoded : undefined,
        release: async (settled: SettledSample) => void released.push(settled.encoded),
      },
      store: { count: 3, origin: (index: number) => origins[index] },
      credit,
      report: () => undefined,
    };
    await lastValueFrom(from(samples).pipe(write(parts), toArray()));
    expect(written).toEqual([origins[0], { rest: origins[2].rest, encoded }]);
    expect(released).toEqual([undefined, undefined, encoded]);
    expect(scratch.records<ManifestEntry>('m.ndjson').map(({ path }) => path)).toEqual([
      ...[undefined, undefined, '1/a~2.jpg'],
    ]);
  });

  it('leaves an empty manifest for nothing, and passes on errors of source and writer', async () => {
    const credit = new Credit(3);
    const parts = {
      output: {
        writer: { write: () => Promise.reject(new Error('no space left')) },
        manifest: scratch.path('m.ndjson'),
      },
      store: { count: 0, origin: () => undefined },
      credit,
      report: () => undefined,
    };
    expect(await lastValueFrom(from([]).pipe(write(parts), toArray()))).toEqual([]);
    expect(scratch.records('m.ndjson')).toEqual([]);
    await expect(lastValueFrom(of(samples[0]!).pipe(write(parts)))).rejects.toThrow('no space left');
    const broken = throwError(() => new Error('torn tape'));
    await expect(lastValueFrom(broken.pipe(write(parts)))).rejects.toThrow('torn tape');
    expect(scratch.openFiles()).toEqual([]);
  });
});
