import { describe, expect, it } from 'vitest';
import { locateTrigger, replaceTrigger, triggerResponse } from '../../../src/defense/carriers/trigger.ts';
import { Residuals } from '../../../src/defense/evidence/residuals.ts';
import { RandomStream, randomKey } from '../../../src/math/random.ts';

const SHAPE = [2, 6, 8] as const;
const PLANE = 6 * 8;
const SIZE = 2 * PLANE;
/** Row 4, columns 5 and 6, of the second channel. */
const PATCH = [PLANE + 4 * 8 + 5, PLANE + 4 * 8 + 6];

type Entry = readonly [given: number, moved: boolean, raw: Uint8Array, purified: Uint8Array];

/** A raw image and what purification makes of it: ±6 anywhere; a stamped patch of +100 goes. */
function entry(name: string, given: number, moved: boolean, stamped: boolean): Entry {
  const random = new RandomStream(randomKey(3, name));
  const purified = Uint8Array.from({ length: SIZE }, () => 60 + random.integer(40));
  const raw = purified.map((value) => value + random.integer(13) - 6);
  if (stamped) for (const i of PATCH) raw[i] = raw[i]! + 100;
  return [given, moved, raw, purified];
}

/** 60 honest samples of classes 1 and 2 that stayed; 20 of class 0 that left, 18 of them stamped. */
const ENTRIES: readonly Entry[] = [
  ...Array.from({ length: 60 }, (_, i) => entry(`honest ${i}`, 1 + (i % 2), false, false)),
  ...Array.from({ length: 20 }, (_, i) => entry(`left ${i}`, 0, true, i % 10 > 0)),
];

function sumsOf(entries: readonly Entry[]): Residuals {
  const sums = new Residuals(SIZE);
  for (const [given, moved, raw, purified] of entries) sums.add(given, moved, raw, purified);
  return sums;
}

const ones = (mask: Uint8Array) => [...mask.entries()].flatMap(([i, value]) => (value ? [i] : []));

describe('Residuals', () => {
  it('adds up in any order and from any number of parts', () => {
    const whole = sumsOf(ENTRIES);
    const parts = sumsOf(ENTRIES.filter((_, i) => i % 3 === 0).toReversed());
    parts.merge(sumsOf(ENTRIES.filter((_, i) => i % 3 === 1)));
    parts.merge(sumsOf(ENTRIES.filter((_, i) => i % 3 === 2)));
    expect(parts.moved(0)).toEqual(whole.moved(0));
    expect(parts.stayedExcept([0])).toEqual(whole.stayedExcept([0]));
    expect(parts.stayedExcept([1]).count).toBe(30);
    expect(parts.moved(1).count).toBe(0);
  });

  it('counts raw minus purified and its square', () => {
    const sums = new Residuals(2);
    sums.add(1, true, Uint8Array.of(5, 0), Uint8Array.of(3, 255));
    sums.add(1, true, Uint8Array.of(1, 7), Uint8Array.of(4, 0));
    expect(sums.moved(1)).toEqual({
      count: 2,
      sums: Float64Array.of(-1, -248),
      squares: Float64Array.of(13, 255 * 255 + 49),
    });
  });

  it('refuses images of another size', () => {
    expect(() => new Residuals(3).add(0, true, new Uint8Array(3), new Uint8Array(4))).toThrow(
      'expected images of 3 values, found 3 raw and 4 purified',
    );
  });
});

describe('locateTrigger', () => {
  it('finds the stamped pixels with their pattern, and one pixel around to replace', () => {
    const { label, pattern, mask } = locateTrigger(sumsOf(ENTRIES), 0, [0], SHAPE)!;
    expect(label).toBe(0);
    expect(ones(mask)).toEqual([3, 4, 5].flatMap((y) => [4, 5, 6, 7].map((x) => y * 8 + x)));
    // 18 of 20 carry the patch of 100
    for (const [i, value] of pattern.entries()) {
      expect(Math.abs(value - (PATCH.includes(i) ? 90 : 0))).toBeLessThan(5);
    }
  });

  it('does not ask flagged classes what is usual', () => {
    const stamped = Array.from({ length: 20 }, (_, i) => entry(`more ${i}`, 2, false, true));
    const sums = sumsOf([...ENTRIES, ...stamped]);
    const honest = sumsOf(ENTRIES.filter(([given]) => given !== 2));
    expect(locateTrigger(sums, 0, [0, 2], SHAPE)).toEqual(locateTrigger(honest, 0, [0], SHAPE));
    expect(locateTrigger(sums, 0, [0], SHAPE)!.pattern[PATCH[0]!]!).toBeLessThan(80);
  });

  it('finds none where nothing stands out, or there is too little to tell', () => {
    const honest = ENTRIES.filter(([, moved]) => !moved);
    const same = honest.map(([, , raw, purified]): Entry => [0, true, raw, purified]);
    expect(locateTrigger(sumsOf([...honest, ...same]), 0, [0], SHAPE)).toBeUndefined();
    expect(locateTrigger(sumsOf([...honest, ENTRIES[61]!]), 0, [0], SHAPE)).toBeUndefined();
    expect(locateTrigger(new Residuals(SIZE), 0, [0], SHAPE)).toBeUndefined();
  });

  it('calls a trigger local when its mask is small and holds most of its energy', () => {
    const shape = [1, 10, 10] as const;
    // one pixel by 100, and a faint wave over all of the image
    const sumsWith = (wave: number) => {
      const sums = new Residuals(100);
      const plain = new Uint8Array(100).fill(100);
      const stamped = plain.map((value, i) => value + (i === 55 ? 100 : wave * (i % 2)));
      for (let i = 0; i < 40; i++) {
        sums.add(0, true, stamped, plain);
        sums.add(1, false, plain, plain);
      }
      return sums;
    };
    expect(locateTrigger(sumsWith(2), 0, [0], shape)!.local).toBe(true);
    // 49 pixels by 20 hold more than the one by 100; the mask is where the one is
    const wavy = locateTrigger(sumsWith(20), 0, [0], shape)!;
    expect([ones(wavy.mask).length, wavy.local]).toEqual([9, false]);
  });

  it('stays within the image at its edges', () => {
    for (const [shape, expected] of [
      [
        [1, 2, 2],
        [0, 1, 2, 3],
      ],
      [
        [1, 1, 4],
        [0, 1],
      ],
      [[4, 1, 1], [0]],
    ] as const) {
      const sums = new Residuals(4);
      for (let i = 0; i < 9; i++) {
        sums.add(0, true, Uint8Array.of(200, 9, 9, 9), Uint8Array.of(100, 9, 9, 9));
        sums.add(1, false, Uint8Array.of(9, 9, 9, 9), Uint8Array.of(9, 9, 9, 9));
      }
      expect(ones(locateTrigger(sums, 0, [0], shape)!.mask)).toEqual(expected);
    }
  });
});

describe('replaceTrigger', () => {
  it('takes the purified pixels under the mask, in every channel', () => {
    const raw = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const purified = Uint8Array.of(11, 12, 13, 14, 15, 16);
    const mask = Uint8Array.of(0, 1, 1);
    expect(replaceTrigger(raw, purified, { mask })).toEqual(Uint8Array.of(1, 12, 13, 4, 15, 16));
  });

  it('takes the whole purified image where the trigger was not located', () => {
    expect(replaceTrigger(Uint8Array.of(1, 2), Uint8Array.of(3, 4), undefined)).toEqual(Uint8Array.of(3, 4));
  });
});

describe('triggerResponse', () => {
  const trigger = locateTrigger(sumsOf(ENTRIES), 0, [0], SHAPE)!;
  const responseOf = (stamped: boolean, n: number) =>
    triggerResponse(entry(`fresh ${n}`, 0, false, stamped)[2], trigger, SHAPE);

  it('tells images that carry the patch from others, never seen before', () => {
    for (let n = 0; n < 40; n++) {
      expect(responseOf(true, n)).toBeGreaterThan(0.6);
      expect(Math.abs(responseOf(false, n))).toBeLessThan(0.45);
    }
  });

  it('sees nothing outside the mask, and nothing without a pattern', () => {
    const [, , raw] = entry('one', 0, false, true);
    const elsewhere = raw.slice();
    elsewhere[0] = 255;
    expect(triggerResponse(elsewhere, trigger, SHAPE)).toBe(triggerResponse(raw, trigger, SHAPE));
    const blank = { mask: trigger.mask, pattern: new Float32Array(SIZE) };
    expect(triggerResponse(raw, blank, SHAPE)).toBe(0);
  });
});
