import { describe, expect, it } from 'vitest';
import type { ReadResult } from '../../src/datasets/sample.ts';
import type { Refuse, TransitionRecord } from '../../src/ports/records.ts';
import { runTransitions, type TransitionParts } from '../../streams/transitions.ts';
import { sampleOf, TinyRunner } from './support/tiny-runner.ts';
import { poisoned, readResults } from './support/tiny-world.ts';

function partsOf(source: AsyncIterable<ReadResult>, changes: Partial<TransitionParts> = {}) {
  const printed: TransitionRecord[] = [];
  const refused: Parameters<Refuse>[0][] = [];
  const parts: TransitionParts = {
    source,
    runner: new TinyRunner(),
    inFlight: 16,
    batch: 4,
    refuse: async (bad) => void refused.push(bad),
    print: async (record) => void printed.push(record),
    report: () => undefined,
    ...changes,
  };
  return { parts, printed, refused };
}

describe('runTransitions', () => {
  it('prints one record a sample in source order: id, given label, raw label, one row of labels a round', async () => {
    const samples = poisoned(50);
    const { parts, printed } = partsOf(readResults(samples));
    expect(await runTransitions(parts)).toBe(50);
    expect(printed.map(({ id, label }) => [id, label])).toEqual(samples.map(({ id, label }) => [id, label]));
    for (const record of printed) {
      expect(Object.keys(record)).toEqual(['id', 'label', 'raw', 'labels', 'scores']);
      expect(record.labels.map((row) => row.length)).toEqual([3, 3]);
    }
  });

  it('prints the same whatever workers, batches and credit', async () => {
    const samples = [...poisoned(50), sampleOf('x-observe', 1, 1)];
    const reference = partsOf(readResults(samples), { inFlight: 1, batch: 1, runner: new TinyRunner(1) });
    await runTransitions(reference.parts);
    for (const [inFlight, batch, concurrency] of [[5, 9, 3] as const, [100, 7, 4] as const]) {
      const runner = new TinyRunner(concurrency);
      const other = partsOf(readResults(samples), { inFlight, batch, runner });
      await runTransitions(other.parts);
      expect(other.printed).toEqual(reference.printed);
      expect(other.refused).toEqual(reference.refused);
    }
  });

  it('pulls no further than a slow reader of the output allows', async () => {
    let pulled = 0;
    async function* source(): AsyncGenerator<ReadResult> {
      for (const sample of poisoned(60)) {
        pulled += 1;
        yield { ok: true, sample };
      }
    }
    let printed = 0;
    let most = 0;
    const { parts } = partsOf(source(), {
      print: async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        most = Math.max(most, pulled - printed);
        printed += 1;
      },
    });
    expect(await runTransitions(parts)).toBe(60);
    expect(most).toBe(16);
  });

  it('prints nothing of an empty source, and refuses what is bad', async () => {
    const empty = partsOf(readResults([]));
    expect(await runTransitions(empty.parts)).toBe(0);
    const bad = partsOf(readResults([sampleOf('a-diffuse', 1, 1), sampleOf('b', 1, 1)]));
    expect(await runTransitions(bad.parts)).toBe(1);
    expect(bad.refused).toMatchObject([{ id: 'a-diffuse', stage: 'diffuse', code: 'sample' }]);
  });

  it('ends with the error of the output, and with the reason of a signal', async () => {
    const broken = partsOf(readResults(poisoned(9)), { print: () => Promise.reject(new Error('EPIPE')) });
    await expect(runTransitions(broken.parts)).rejects.toThrow('EPIPE');
    const { parts } = partsOf(readResults(poisoned(9)));
    await expect(runTransitions(parts, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});
