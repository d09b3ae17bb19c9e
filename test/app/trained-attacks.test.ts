import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { prepareAttack } from '../../src/app/attack.ts';
import type { Context } from '../../src/app/context.ts';
import { testPool } from '../support/pools.ts';
import { shapesStore } from '../support/stores.ts';

const INFO = { name: 'shapes', format: 'shapes', classes: 10, shape: [3, 32, 32] } as const;

/** The smallest training that there is. */
function contextOf(attack: string): Context {
  const text = `attack: { ${attack}, epochs: 1, steps: 2 }\nclassifier: { widths: [4, 8], batch: 16 }\nseed: 5`;
  const settings = loadSettings({
    file: { name: attack, text },
    readPreset: (preset) => ({ name: preset, text: '' }),
  });
  const log = { info: () => undefined, progress: () => undefined };
  return { settings, log, locate: (path: string) => path } as unknown as Context;
}

const fits = async (attack: string) => (await prepareAttack(contextOf(attack), INFO))!;

describe('a trained attack', () => {
  it.each([
    { name: 'input-aware', cover: 0.2, eligible: [false, true] },
    { name: 'sample-specific', cover: undefined, eligible: [false, true] },
    { name: 'label-consistent', cover: undefined, eligible: [true, false] },
    { name: 'trojannn', cover: undefined, eligible: [false, true] },
    { name: 'low-frequency', cover: undefined, eligible: [false, true] },
  ])('$name is made from the settings, the same by any number of workers', async (expected) => {
    const store = shapesStore(48);
    const samples = [...store.stream()].slice(0, 3);
    const stampsBy = async (workers: number) => {
      const attack = await (await fits(`name: ${expected.name}, rate: 0.2, target: 4`))(
        testPool(workers),
        async () => store,
      );
      expect(attack.cover?.rate).toBe(expected.cover);
      expect([4, 5].map((label) => attack.labels.eligible(label))).toEqual(expected.eligible);
      const stamps = [attack.train, attack.test, ...(attack.cover ? [attack.cover.stamp] : [])];
      return Promise.all(stamps.map((stamp) => stamp(samples)));
    };
    const one = await stampsBy(1);
    for (const stamped of one) {
      expect(stamped.map((pixels) => pixels.length)).toEqual([3072, 3072, 3072]);
      expect(stamped[0]).not.toEqual(samples[0]!.pixels);
    }
    expect(await stampsBy(2)).toEqual(one);
  });

  it('is refused before anything is read where it does not fit', async () => {
    await expect(fits('name: trojannn, patchSize: 33')).rejects.toThrow(/a patch inside images of 32×32/);
    await expect(fits('name: label-consistent, patchSize: 33')).rejects.toThrow(/a patch inside images/);
    const odd = { ...INFO, shape: [3, 30, 30] } as const;
    for (const name of ['sample-specific', 'input-aware']) {
      await expect(prepareAttack(contextOf(`name: ${name}`), odd)).rejects.toThrow(/divisible by 4/);
    }
  });

  it('takes pairs from sources in the place of an encoder', async () => {
    const make = await fits('name: sample-specific, pairs: [shapes:train], testPairs: [shapes:test]');
    const attack = await make(testPool(1), async () => expect.unreachable('nothing is trained'));
    const [train] = [...shapesStore(1).stream()];
    const [test] = [...shapesStore(1, 'test').stream()];
    const blank = { ...train!, pixels: new Uint8Array(3072) };
    expect(await attack.train([blank])).toEqual([train!.pixels]);
    await expect(attack.test([train!])).rejects.toThrow(/attack.testPairs: expected a stamped image/);
    expect(await attack.test([test!])).toEqual([test!.pixels]);
  });
});
