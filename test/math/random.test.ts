import { describe, expect, it } from 'vitest';
import { fillNormal, fillUniform, hashOf, philox, RandomStream, randomKey } from '../../src/math/random.ts';

function block(counter: readonly number[], key: readonly number[]): number[] {
  const out = new Uint32Array(4);
  philox(out, counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!);
  return [...out];
}

describe('philox', () => {
  // Random123, tests/kat_vectors, lines "philox4x32 10"
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published words for counter %j', (counter, key, words) => {
    expect(block(counter, key)).toEqual(words);
  });
});

describe('hashOf', () => {
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['test', 0, 0xba6bd213],
    ['Hello, world!', 0, 0xc0363e43],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ])('hashes %j with seed %d as published', (text, seed, hash) => {
    expect(hashOf(text, seed)).toBe(hash);
  });
});

it.each([
  ['€', 341, 1, 3493730317],
  ['€', 342, 1, 1176715106],
  ['x', 5000, 0, 3583700796],
])('hashes long texts as others: %s, %d times', (letter, times, seed, hash) => {
  expect(hashOf(letter.repeat(times), seed)).toBe(hash);
});

describe('fillNormal', () => {
  it('agrees with Box–Muller computed by Math', () => {
    const key = randomKey(7, 'sample-1');
    const out = new Float32Array(100_000);
    fillNormal(out, key, 2, 3);
    const words = new Uint32Array(4);
    let worst = 0;
    for (let i = 0; i < out.length; i += 4) {
      philox(words, i / 4, 3, 2, key.high, key.seed, key.low);
      for (const pair of [0, 2]) {
        const radius = Math.sqrt(-2 * Math.log((words[pair]! + 0.5) / 2 ** 32));
        const quadrant = words[pair + 1]! >>> 30;
        const angle = ((words[pair + 1]! & 0x3fffffff) / 2 ** 30 - 0.5 + quadrant) * (Math.PI / 2);
        worst = Math.max(worst, Math.abs(out[i + pair]! - radius * Math.cos(angle)));
        worst = Math.max(worst, Math.abs(out[i + pair + 1]! - radius * Math.sin(angle)));
      }
    }
    expect(worst).toBeLessThan(3e-7); // half a float32 step at 4
  });

  it('has the moments and tails of a standard normal', () => {
    const out = new Float32Array(1_000_000);
    fillNormal(out, randomKey(1, 'moments'), 0, 0);
    const moment = (power: number) => out.reduce((sum, x) => sum + x ** power, 0) / out.length;
    expect(moment(1)).toBeCloseTo(0, 2);
    expect(moment(2)).toBeCloseTo(1, 2);
    expect(moment(3)).toBeCloseTo(0, 1);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.03);
    const beyond3 = out.reduce((count, x) => count + (Math.abs(x) > 3 ? 1 : 0), 0) / out.length;
    expect(Math.abs(beyond3 - 0.0027)).toBeLessThan(0.0002);
    let neighbours = 0;
    for (let i = 1; i < out.length; i++) neighbours += out[i]! * out[i - 1]!;
    expect(Math.abs(neighbours / out.length)).toBeLessThan(0.005);
  });

  it('keeps these numbers forever', () => {
    const out = new Float32Array(5);
    fillNormal(out, randomKey(42, 'train/00017'), 1, 149);
    expect([...out]).toEqual([
      0.30750948190689087, 1.8705050945281982, -0.8207797408103943, -0.12365853786468506, 0.467553973197937,
    ]);
  });

  it('gives a prefix when asked for less, and other numbers for every part of the key', () => {
    const draw = (seed: number, id: string, round: number, step: number, length = 16) => {
      const out = new Float32Array(length);
      fillNormal(out, randomKey(seed, id), round, step);
      return out.join();
    };
    const all = draw(1, 'a', 0, 0);
    for (const length of [1, 2, 3, 5, 15]) expect(all.startsWith(draw(1, 'a', 0, 0, length))).toBe(true);
    const others = [draw(2, 'a', 0, 0), draw(1, 'b', 0, 0), draw(1, 'a', 1, 0), draw(1, 'a', 0, 1)];
    expect(new Set([all, ...others]).size).toBe(5);
  });
});

describe('fillUniform', () => {
  it('is even over [0, 1)', () => {
    const out = new Float32Array(160_000);
    fillUniform(out, randomKey(3, 'uniform'), 0, 0);
    const bins = new Array<number>(16).fill(0);
    for (const x of out) bins[Math.floor(x * 16)]!++;
    const chiSquared = bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquared).toBeLessThan(37.7); // 99.9 % point of 15 degrees of freedom
    expect(Math.max(...out.subarray(0, 100_000))).toBeLessThan(1);
  });
});

describe('RandomStream', () => {
  it('draws integers below the limit, each about as often', () => {
    const stream = new RandomStream(randomKey(5, 'integers'));
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[stream.integer(7)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });

  it('shuffles every permutation about as often, and typed arrays as well', () => {
    const seen = new Map<string, number>();
    for (let round = 0; round < 6000; round++) {
      const order = new RandomStream(randomKey(5, 'shuffle'), round).shuffle(Uint32Array.of(0, 1, 2)).join();
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  it('repeats itself for equal arguments only', () => {
    const words = (round: number) => {
      const stream = new RandomStream(randomKey(9, 'x'), round);
      return [stream.word(), stream.word(), stream.word(), stream.word(), stream.word()];
    };
    expect(words(4)).toEqual(words(4));
    expect(words(4)).not.toEqual(words(5));
    expect(new Set(words(4)).size).toBe(5);
  });
});
