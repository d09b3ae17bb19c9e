import { from, lastValueFrom, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Action } from '../../../src/defense/repair/repair.ts';
import type { Refuse } from '../../../src/ports/records.ts';
import { type Planned, settle } from '../../../streams/stages/settle.ts';
import { imageOf, numberOf, sampleOf, TinyRunner } from '../support/tiny-runner.ts';
import { Scratch } from '../support/tiny-world.ts';

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch.dispose());

/** Plans for samples of class 2 in the store, given label 0; label 2 is theirs if they are purified. */
function plans(...actions: readonly (readonly [id: string, action: Action])[]): Planned[] {
  return actions.map(([id, action]) => {
    const index = scratch.store.append(sampleOf(id, 0, 2, true));
    return {
      record: { id, label: 0, raw: 0, labels: [[2]], index },
      repair: {
        action,
        label: action === 'purify' ? 2 : 0,
        among: [6],
        rule: 'mixed',
        reason: 'a test',
        ...(action === 'restore' && { observed: 'any' as const }),
      },
    };
  });
}

function run(planned: readonly Planned[], group: number, batch = 2) {
  const runner = new TinyRunner();
  const refused: Parameters<Refuse>[0][] = [];
  const refuse: Refuse = async (bad) => void refused.push(bad);
  const parts = { runner, store: scratch.store, batch, group, refuse };
  const settled = lastValueFrom(from(planned).pipe(settle(parts), toArray()));
  return { settled, runner, refused };
}

describe('settle', () => {
  it('carries out every action, in order', async () => {
    const planned = plans(['a', 'keep'], ['b', 'purify'], ['c', 'wait'], ['d', 'drop'], ['e', 'purify']);
    const settled = await run(planned, 2).settled;
    expect(settled.map((item) => (item.kind === 'waiting' ? item.record.id : item.entry))).toEqual([
      { id: 'a', given: 0, label: 0, image: 'raw', rule: 'mixed', reason: 'a test' },
      { id: 'b', given: 0, label: 2, image: 'purified', rule: 'mixed', reason: 'a test' },
      'c',
      { id: 'd', given: 0, label: 0, image: 'none', rule: 'dropped', reason: 'a test' },
      { id: 'e', given: 0, label: 2, image: 'purified', rule: 'mixed', reason: 'a test' },
    ]);
    const [kept, purified] = settled.flatMap((item) => (item.kind === 'settled' ? [item.sample] : []));
    expect(kept).toEqual(sampleOf('a', 0, 2, true));
    expect(purified).toMatchObject({ id: 'b', label: 2, shape: [1, 2, 2] });
    expect(purified!.pixels.subarray(0, 3)).toEqual(imageOf(2, true).subarray(0, 3));
  });

  it('restores images where the trigger stands, with the label that the observer gives to the result', async () => {
    const mask = Uint8Array.of(0, 0, 0, 1);
    const dimmed = [...'abcdefgh'].filter((id) => numberOf(id) % 7 < 6 && numberOf(id) % 11 > 0).slice(0, 2);
    const planned = plans(...dimmed.map((id) => [id, 'restore'] as const)).map((plan) => ({ ...plan, mask }));
    const settled = await run(planned, 2).settled;
    for (const item of settled) {
      if (item.kind === 'waiting') throw new Error('expected a settled sample');
      const { sample, entry } = item;
      expect([...sample.pixels.subarray(0, 3)]).toEqual([...imageOf(2, true).subarray(0, 3)]);
      expect([sample.pixels[3], sample.label]).toEqual([200, 2]);
      expect(entry).toMatchObject({ given: 0, label: 2, image: 'purified', rule: 'mixed' });
      expect(entry.reason).toBe('a test; the observer says 0, and without the trigger 2');
    }
  });

  it('gives a restored image the label that was decided on, where the observer is not to name it', async () => {
    const mask = Uint8Array.of(0, 0, 0, 1);
    const dimmed = [...'abcdefgh'].filter((id) => numberOf(id) % 7 < 6 && numberOf(id) % 11 > 0).slice(0, 2);
    const planned = plans(...dimmed.map((id) => [id, 'restore'] as const)).map(({ record, repair }) => {
      const { observed: _, ...decided } = repair;
      return { record, repair: decided, mask };
    });
    const settled = await run(planned, 2).settled;
    expect(settled).toMatchObject(
      dimmed.map((id) => ({ kind: 'settled', entry: { id, given: 0, label: 0, image: 'purified' } })),
    );
  });

  it('refuses the sample that cannot be restored', async () => {
    const { settled, refused } = run(plans(['a', 'restore'], ['b-restore', 'restore']), 2);
    expect((await settled).length).toBe(1);
    expect(refused).toMatchObject([{ stage: 'select', id: 'b-restore' }]);
  });

  it('fills batches across what needs no image, and asks for nothing else', async () => {
    const actions: [string, Action][] = Array.from({ length: 40 }, (_, i) => [
      `s${i}`,
      i % 4 ? 'keep' : 'purify',
    ]);
    const { settled, runner } = run(plans(...actions), 20, 5);
    expect((await settled).length).toBe(40);
    expect(runner.calls).toEqual({ diffuse: 0, observe: 0, restore: 0, choose: 2, largestBatch: 5 });
  });

  it('refuses the sample whose image cannot be made, and settles those beside it', async () => {
    const planned = plans(['a', 'purify'], ['b-choose', 'purify'], ['c', 'purify'], ['d', 'keep']);
    const { settled, refused } = run(planned, 4, 3);
    expect((await settled).flatMap((item) => (item.kind === 'settled' ? item.entry.id : []))).toEqual([
      'a',
      'c',
      'd',
    ]);
    expect(refused).toEqual([
      { stage: 'select', id: 'b-choose', code: 'sample', message: 'cannot choose b-choose' },
    ]);
  });

  it('handles none and one', async () => {
    expect(await run([], 3).settled).toEqual([]);
    expect((await run(plans(['a', 'purify']), 3).settled).length).toBe(1);
  });
});
