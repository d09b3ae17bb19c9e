import { describe, expect, it, vi } from 'vitest';
import type { Verdict } from '../../src/defense/verdict/verdict.ts';
import type { TransitionRecord } from '../../src/ports/records.ts';
import { runDetection } from '../../streams/detect.ts';
import type { Estimate } from '../../streams/stages/detect.ts';
import { runTransitions } from '../../streams/transitions.ts';
import { TARGET, TinyRunner } from './support/tiny-runner.ts';
import { detection, poisoned, readResults } from './support/tiny-world.ts';

async function* chunks(...texts: string[]) {
  yield* texts;
}

const good: TransitionRecord = {
  id: 'a',
  label: 1,
  raw: 1,
  labels: [
    [1, 1],
    [1, 2],
  ],
};

async function detect(...texts: string[]): Promise<{ verdict: Verdict; estimates: Estimate[] }> {
  const estimates: Estimate[] = [];
  const verdict = await runDetection(chunks(...texts), detection, (estimate) => estimates.push(estimate));
  return { verdict, estimates };
}

describe('runDetection', () => {
  it('reads what transitions prints', async () => {
    let text = '';
    await runTransitions({
      source: readResults(poisoned(200)),
      runner: new TinyRunner(),
      inFlight: 32,
      batch: 8,
      refuse: async () => undefined,
      print: async (record) => {
        text += `${JSON.stringify(record)}\n`;
      },
      report: () => undefined,
    });
    const { verdict, estimates } = await detect(text.slice(0, 1234), text.slice(1234));
    expect(verdict).toMatchObject({ targetLabels: [TARGET], samples: 200 });
    expect(verdict.classes.map(({ label }) => label)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(estimates.length).toBe(8);
    expect(estimates.at(-1)!.verdict).toEqual(verdict);
  });

  it('judges one record, none, and passes over empty lines', async () => {
    expect((await detect(`\n${JSON.stringify(good)}\n\n`)).verdict.samples).toBe(1);
    expect((await detect()).verdict).toMatchObject({ targetLabels: [], samples: 0 });
  });

  it('refuses what is no record, with the line', async () => {
    const bad = [
      '{"id":"a"',
      '[]',
      'null',
      JSON.stringify({ ...good, id: 7 }),
      JSON.stringify({ ...good, label: 6 }),
      JSON.stringify({ ...good, raw: -1 }),
      JSON.stringify({ ...good, labels: [] }),
      JSON.stringify({ ...good, labels: [[]] }),
      JSON.stringify({ ...good, labels: [[1, 1.5]] }),
      JSON.stringify({ ...good, labels: [1] }),
    ];
    for (const line of bad) {
      await expect(detect(`${JSON.stringify(good)}\n${line}\n`)).rejects.toThrow(
        /expected .* with labels below 6 on line 2, found .*; feed what `transitions` prints/,
      );
    }
  });

  it('stops reading when a signal aborts', async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) {
          yield `${JSON.stringify(good)}\n`;
          await new Promise((resolve) => setTimeout(resolve));
        }
      } finally {
        closed = true;
      }
    }
    const control = new AbortController();
    const stop = () => control.abort(new Error('enough'));
    await expect(runDetection(endless(), detection, stop, control.signal)).rejects.toThrow('enough');
    await vi.waitFor(() => expect(closed).toBe(true), { timeout: 20_000, interval: 5 });
  });
});
