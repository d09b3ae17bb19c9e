import { concat, lastValueFrom, NEVER, of, Subject, throwError, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JudgedRecord, PlacedRecord } from '../../../src/ports/records.ts';
import { Credit, credited } from '../../../streams/operators/credited.ts';
import { detect, type Estimate } from '../../../streams/stages/detect.ts';
import { detection, Scratch } from '../support/tiny-world.ts';

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch.dispose());

/** Samples 0, 1, 2 … of class 0, all of which end in class `to`. */
const records = (count: number, to: number): PlacedRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `s${index}`,
    label: 0,
    raw: 0,
    labels: [[to, to]],
    index,
  }));

function stage(credit: Credit, onEstimate: (estimate: Estimate) => unknown = () => undefined) {
  const transitions = scratch.path('transitions.ndjson');
  return detect({ detection: { ...detection, window: 2 }, transitions, credit, onEstimate });
}

describe('detect', () => {
  it('holds everything back until the source ends, but takes credit for none of it', async () => {
    const credit = new Credit(2);
    const source = new Subject<PlacedRecord>();
    const emitted: JudgedRecord[] = [];
    const subscription = source.pipe(stage(credit)).subscribe((judged) => emitted.push(judged));
    for (const record of records(5, 3)) {
      await credit.take();
      source.next(record);
    }
    expect([emitted, credit.inFlight]).toEqual([[], 0]);
    source.complete();
    await vi.waitFor(() => expect(emitted.length).toBe(2));
    expect(credit.inFlight).toBe(2);
    credit.give();
    await vi.waitFor(() => expect(emitted.length).toBe(3));
    expect(emitted.map(({ record }) => record)).toEqual(records(3, 3));
    subscription.unsubscribe();
  });

  it('gives every record the verdict on all of them', async () => {
    const credit = new Credit(10);
    const estimates: Estimate[] = [];
    const source = credited(records(5, 3), credit);
    const judged = await lastValueFrom(
      source.pipe(
        stage(credit, (estimate) => estimates.push(estimate)),
        toArray(),
      ),
    );
    expect(judged.map(({ record }) => record)).toEqual(records(5, 3));
    for (const { verdict } of judged) expect(verdict).toMatchObject({ targetLabels: [0], samples: 5 });
    // two records are too few to flag the class, four are not
    expect(estimates.map(({ verdict }) => verdict.targetLabels)).toEqual([[], [0], [0]]);
    expect(estimates.map(({ table }) => table.samples[0])).toEqual([2, 2, 1]);
    expect(scratch.records('transitions.ndjson')).toEqual(records(5, 3));
  });

  it('takes no more than are in flight while a window is told, and judges when all are', async () => {
    const credit = new Credit(3);
    let pulled = 0;
    function* source() {
      for (const record of records(9, 3)) {
        pulled += 1;
        yield record;
      }
    }
    const ready: (() => void)[] = [];
    const told = () => new Promise<void>((resolve) => ready.push(resolve));
    let judged: JudgedRecord | undefined;
    const subscription = credited(source(), credit)
      .pipe(stage(credit, told))
      .subscribe((one) => {
        judged ??= one;
      });
    await vi.waitFor(() => expect(pulled).toBe(5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    // the first window, then as many as may be in flight
    expect([pulled, ready.length, credit.inFlight]).toEqual([5, 2, 3]);
    for (const done of ready.splice(0)) done();
    await vi.waitFor(() => expect([pulled, ready.length, credit.inFlight]).toEqual([9, 2, 3]));
    for (const done of ready.splice(0)) done();
    await vi.waitFor(() => expect(ready.length).toBe(1));
    expect(judged).toBeUndefined();
    ready[0]!();
    await vi.waitFor(() => expect(judged).toMatchObject({ verdict: { samples: 9 } }));
    subscription.unsubscribe();
  });

  it('ends with the error of who is told', async () => {
    const credit = new Credit(3);
    const refused = stage(credit, () => Promise.reject(new Error('full')));
    await expect(lastValueFrom(credited(records(9, 3), credit).pipe(refused))).rejects.toThrow('full');
    const thrown = stage(new Credit(3), () => {
      throw new Error('at once');
    });
    await expect(lastValueFrom(of(records(9, 3)[0]!).pipe(thrown))).rejects.toThrow();
  });

  it('emits nothing of nothing, and passes on an error without a replay', async () => {
    const credit = new Credit(10);
    expect(await lastValueFrom(credited(records(0, 1), credit).pipe(stage(credit), toArray()))).toEqual([]);
    const broken = concat(
      credited(records(2, 1), credit),
      throwError(() => new Error('torn tape')),
    );
    await expect(lastValueFrom(broken.pipe(stage(credit)))).rejects.toThrow('torn tape');
  });

  it('closes its journal when unsubscribed from a source that never ends', async () => {
    const credit = new Credit(10);
    await credit.take();
    const source = concat(of(records(1, 1)[0]!), NEVER);
    const subscription = source.pipe(stage(credit)).subscribe();
    subscription.unsubscribe();
    expect(scratch.openFiles()).toEqual([]);
    expect(scratch.records('transitions.ndjson')).toEqual(records(1, 1));
  });
});
