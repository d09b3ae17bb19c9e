// Deterministic damage: equal seeds change equal bytes in equal ways. Here it is blind; what knows how a file is made, so
// that it comes past the first check, stands in structures/.

import type { RandomStream } from '../../src/math/random.ts';

// what breaks counts and sizes
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** A changed copy, or the same bytes changed in place. `other` is a file of another kind to take pieces from. */
export type Mutation = (bytes: Buffer, random: RandomStream, other: Buffer) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.integer(bytes.length);
    bytes[at]! ^= 1 << random.integer(8);
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[random.integer(bytes.length)] = random.integer(256);
    return bytes;
  },
  function setNumber(bytes, random) {
    if (bytes.length < 4) return bytes;
    const at = random.integer(bytes.length - 3);
    const value = pick(NUMBERS, random);
    if (random.integer(2) === 0) bytes.writeUInt32LE(value, at);
    else bytes.writeUInt32BE(value, at);
    return bytes;
  },
  function setDigit(bytes, random) {
    const start = random.integer(bytes.length);
    const at = bytes.findIndex((byte, i) => i >= start && byte >= 48 && byte <= 57);
    if (at >= 0) bytes[at] = 48 + random.integer(10);
    return bytes;
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random.integer(bytes.length));
  },
  function remove(bytes, random) {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  function repeat(bytes, random) {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  function splice(bytes, random, other) {
    const [from, to] = range(bytes, random);
    const [first, last] = range(other, random);
    return Buffer.concat([bytes.subarray(0, from), other.subarray(first, last), bytes.subarray(to)]);
  },
];

export function pick<T>(items: readonly T[], random: RandomStream): T {
  return items[random.integer(items.length)]!;
}

/** A changed copy. @param other a file of another kind to take pieces from */
export function mutate(bytes: Buffer, random: RandomStream, other: Buffer): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.integer(4); left > 0 && changed.length > 0; left--) {
    changed = Buffer.from(pick(MUTATIONS, random)(changed, random, other));
  }
  return changed;
}

/** Mostly short: a long one leaves nothing to damage. */
function range(bytes: Buffer, random: RandomStream): [from: number, to: number] {
  const from = random.integer(bytes.length);
  return [
    from,
    Math.min(bytes.length, from + 1 + random.integer(random.integer(8) === 0 ? bytes.length : 32)),
  ];
}
