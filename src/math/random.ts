// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// A number depends only on (seed, id, round, step, position), never on what was drawn before, so workers and
// batches of any size see the same noise. Normals use Box–Muller with polynomials of our own: the basic
// arithmetic and square root of IEEE doubles give the same bits on every platform, Math.log and Math.cos need not.

import { fillNormal as fill } from './kernels.ts';
import type { RandomKey } from './random-key.ts';

/**
 * Key of everything that one named thing draws.
 *
 * @param seed unsigned 32-bit integer
 * @param id   any string: a sample's id, a layer's name, the name of a purpose
 */
export function randomKey(seed: number, id: string): RandomKey {
  const bytes = utf8(id);
  return { seed: seed >>> 0, high: murmur3(bytes, 0x9e3779b9), low: murmur3(bytes, 0) };
}

/** Fills `out` with standard normal numbers. `round` and `step` are unsigned 32-bit integers. */
export function fillNormal(out: Float32Array, key: RandomKey, round: number, step: number): void {
  fill(out, key, round, step);
}

/** Fills `out` with numbers in [0, 1), multiples of 2⁻²⁴ and so exact in float32. */
export function fillUniform(out: Float32Array, key: RandomKey, round: number, step: number): void {
  const words = new Uint32Array(4);
  for (let i = 0; i < out.length; i++) {
    if ((i & 3) === 0) philox(words, i >>> 2, step, round, key.high, key.seed, key.low);
    out[i] = (words[i & 3]! >>> 8) * 2 ** -24;
  }
}

/** Draws one by one, for decisions rather than for bulk noise. Two streams of equal arguments draw the same. */
export class RandomStream {
  readonly #key: RandomKey;
  readonly #round: number;
  readonly #step: number;
  readonly #words = new Uint32Array(4);
  #drawn = 0;

  constructor(key: RandomKey, round = 0, step = 0) {
    this.#key = key;
    this.#round = round;
    this.#step = step;
  }

  /** An unsigned 32-bit integer. */
  word(): number {
    const { high, seed, low } = this.#key;
    const at = this.#drawn++;
    if ((at & 3) === 0) philox(this.#words, Math.floor(at / 4), this.#step, this.#round, high, seed, low);
    return this.#words[at & 3]!;
  }

  /** A number in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.word() * 2 ** -32;
  }

  /** An integer in [0, limit), limit at most 2²¹ for exact products; its bias is below limit / 2³². */
  integer(limit: number): number {
    return Math.floor(this.word() * 2 ** -32 * limit);
  }

  /** Shuffles in place (Fisher–Yates, from the end) and returns its argument. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
    return items;
  }
}

/**
 * The block function: ten rounds of Philox on a 128-bit counter under a 64-bit key.
 *
 * @param out receives the four 32-bit words
 * @see https://github.com/DEShawResearch/random123, tests/kat_vectors
 */
export function philox(
  out: Uint32Array,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
): void {
  let [c0, c1, c2, c3, k0, k1] = [counter0 | 0, counter1 | 0, counter2 | 0, counter3 | 0, key0 | 0, key1 | 0];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd251, 0x1f53, c0);
    const high1 = multiplyHigh(0xcd9e, 0x8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Upper 32 bits of the product of two unsigned 32-bit integers, the first given as two halves. */
function multiplyHigh(aHigh: number, aLow: number, b: number): number {
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/** A hash of a text: an unsigned 32-bit integer. Another `seed` is another, independent hash. */
export function hashOf(text: string, seed: number): number {
  return murmur3(utf8(text), seed);
}

/** Where ids are written to be hashed; longer texts get a memory of their own. */
const scratch = Buffer.alloc(1 << 10);
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length);

interface Bytes {
  readonly view: DataView;
  readonly length: number;
}

/** The bytes of a text, until the next one is asked for. */
function utf8(text: string): Bytes {
  // three bytes at most for each of its 16-bit units
  if (3 * text.length <= scratch.length) return { view: scratchView, length: scratch.write(text) };
  const { buffer, byteOffset, length } = Buffer.from(text);
  return { view: new DataView(buffer, byteOffset, length), length };
}

/** MurmurHash3_x86_32 (Appleby, public domain). */
function murmur3({ view, length }: Bytes, seed: number): number {
  let hash = seed | 0;
  const tail = length & ~3;
  for (let i = 0; i < tail; i += 4) {
    hash ^= scramble(view.getInt32(i, true));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= tail; i--) rest = (rest << 8) | view.getUint8(i);
  hash ^= scramble(rest) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
