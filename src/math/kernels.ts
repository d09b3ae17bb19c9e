// The arithmetic on every number of every image, in WebAssembly (assembly/): several times as fast as loops of
// JavaScript, and the same bits. Arrays are copied into its memory and out of it, a slot of it at a time, which costs
// little beside.

import { KERNELS_WASM } from './kernels.wasm.ts';
import type { RandomKey } from './random-key.ts';

/** Numbers in each of the four slots of the memory. */
const SLOT = 4096;
const PAGE = 1 << 16;
/** Scores that are worked on at a time, in a memory of their own: 1 MiB. */
const MOST_SCORES = 1 << 18;

interface Exports {
  fill(
    first: number,
    count: number,
    step: number,
    round: number,
    high: number,
    seed: number,
    low: number,
  ): void;
  mix(count: number, a: number, b: number): void;
  reverse(count: number, a: number, b: number, c: number, d: number, e: number): void;
  fromUnit(count: number): void;
  toUnit(count: number): void;
  clamp(count: number): void;
  planes(count: number): void;
  residuals(count: number): void;
  softmax(
    rows: number,
    classes: number,
    scores: number,
    labels: number,
    weights: number,
    scaling: number,
    gradient: number,
    held: number,
  ): void;
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): void };
}

/** The first three slots, as what they are used for. */
interface Kernels extends Exports {
  readonly a: Float32Array;
  readonly aBytes: Uint8Array;
  readonly aWhole: Int32Array;
  readonly b: Float32Array;
  readonly bWhole: Int32Array;
  readonly bBytes: Uint8Array;
  readonly c: Float32Array;
  readonly cBytes: Uint8Array;
}

let module: object | undefined;
let loaded: Kernels | undefined;
let grown: Exports | undefined;

/** Fills `out` with standard normal numbers; `round` and `step` are unsigned 32-bit integers. See random.ts. */
export function fillNormal(out: Float32Array, key: RandomKey, round: number, step: number): void {
  const { fill, a } = kernels();
  inSlots(out.length, (at, count) => {
    fill(at >>> 2, Math.ceil(count / 4), step, round, key.high, key.seed, key.low);
    out.set(part(a, 0, count), at);
  });
}

/** out ← a·x + b·z, all of one length; `out` may be one of the others. */
export function mix(out: Float32Array, x: Float32Array, a: number, z: Float32Array, b: number): void {
  const { mix, a: slotX, b: slotZ } = kernels();
  inSlots(out.length, (at, count) => {
    slotX.set(part(x, at, count));
    slotZ.set(part(z, at, count));
    mix(count, a, b);
    out.set(part(slotX, 0, count), at);
  });
}

/** How a reverse step makes x̂₀ and the next x of x, a prediction and z. */
export interface ReverseFactors {
  readonly xToEstimate: number;
  readonly predictedToEstimate: number;
  readonly estimateToX: number;
  readonly xToX: number;
  /** Standard deviation of the fresh noise; 0 in the last step of a round. */
  readonly sigma: number;
}

/** predicted ← x̂₀ = xToEstimate·x + predictedToEstimate·predicted within [−1, 1]; x ← estimateToX·x̂₀ + xToX·x + sigma·z. */
export function reverse(
  x: Float32Array,
  predicted: Float32Array,
  z: Float32Array,
  factors: ReverseFactors,
): void {
  const { reverse, a, b, c } = kernels();
  const { xToEstimate, predictedToEstimate, estimateToX, xToX, sigma } = factors;
  inSlots(x.length, (at, count) => {
    a.set(part(x, at, count));
    b.set(part(predicted, at, count));
    c.set(part(z, at, count));
    reverse(count, xToEstimate, predictedToEstimate, estimateToX, xToX, sigma);
    predicted.set(part(b, 0, count), at);
    x.set(part(a, 0, count), at);
  });
}

/** out ← x, [−1, 1] to 0…255, rounded to the nearest (of two, the even one); what is beyond is limited. */
export function fromUnit(out: Uint8Array | Uint8ClampedArray, x: Float32Array): void {
  const { fromUnit, a, bBytes } = kernels();
  inSlots(x.length, (at, count) => {
    a.set(part(x, at, count));
    fromUnit(count);
    out.set(bBytes.subarray(0, count), at);
  });
}

/** out ← x, 0…255 to [−1, 1]: (2·x − 255) / 255, which is x / 127.5 − 1 to the bit. */
export function toUnit(out: Float32Array, x: Uint8Array): void {
  const { toUnit, a, bBytes } = kernels();
  inSlots(x.length, (at, count) => {
    bBytes.set(x.subarray(at, at + count));
    toUnit(count);
    out.set(part(a, 0, count), at);
  });
}

/** Limits every number to [−1, 1], in place. */
export function clamp(x: Float32Array): void {
  const { clamp, a } = kernels();
  inSlots(x.length, (at, count) => {
    a.set(part(x, at, count));
    clamp(count);
    x.set(part(a, 0, count), at);
  });
}

/** out ← x, bytes: [area, 3] to [3, area]. */
export function planes(out: Uint8Array, x: Uint8Array): void {
  const { planes, aBytes, bBytes } = kernels();
  const area = out.length / 3;
  inSlots(area, (at, count) => {
    aBytes.set(x.subarray(3 * at, 3 * (at + count)));
    planes(count);
    for (const c of [0, 1, 2]) out.set(bBytes.subarray(c * SLOT, c * SLOT + count), c * area + at);
  });
}

/** A raw image and a purified one, uint8 of one length. */
export interface ImagePair {
  readonly raw: Uint8Array;
  readonly purified: Uint8Array;
}

/** Pairs that `addResiduals` takes at most: their sums of squares are whole numbers of 32 bits on the way. */
export const MOST_PAIRS = 1 << 15;

/** Adds raw − purified to `sums` and its square to `squares`, pixel by pixel, for every pair. */
export function addResiduals(sums: Float64Array, squares: Float64Array, pairs: readonly ImagePair[]): void {
  const { residuals, aWhole, bWhole, cBytes } = kernels();
  inSlots(sums.length, (at, count) => {
    aWhole.fill(0);
    bWhole.fill(0);
    for (const { raw, purified } of pairs) {
      cBytes.set(raw.subarray(at, at + count));
      cBytes.set(purified.subarray(at, at + count), SLOT);
      residuals(count);
    }
    for (let i = 0; i < count; i++) {
      sums[at + i]! += aWhole[i]!;
      squares[at + i]! += bWhole[i]!;
    }
  });
}

/** What a softmax over scaled scores is to say, and how much each row counts. */
export interface SoftmaxTask {
  readonly classes: number;
  /** float32 [N, C]. */
  readonly scores: Float32Array;
  /** int32 [N], in [0, C). */
  readonly labels: Int32Array;
  /** float64 [N]. */
  readonly weights: Float64Array;
}

/** Slopes and offsets of the classes, or the gradient by them: float64 [C] each. */
export interface Scaling {
  readonly slopes: Float64Array;
  readonly offsets: Float64Array;
}

/** The gradient of Σ weight · cross-entropy(softmax(slope · score + offset), label), by slopes and offsets. */
export function softmaxGradient(
  { classes, scores, labels, weights }: SoftmaxTask,
  { slopes, offsets }: Scaling,
): Scaling {
  const even = classes + (classes % 2);
  const most = Math.min(labels.length, Math.max(1, Math.floor(MOST_SCORES / classes)));
  const [gradientAt, heldAt, weightsAt] = [16 * even, 32 * even, 40 * even];
  const scoresAt = weightsAt + 8 * most;
  const labelsAt = scoresAt + 4 * (most * classes + 1);
  const { softmax, memory } = roomy(labelsAt + 4 * most);
  const scaling = new Float64Array(memory.buffer, 0, 2 * even).fill(0);
  const gradient = new Float64Array(memory.buffer, gradientAt, 2 * even).fill(0);
  const weightsPart = new Float64Array(memory.buffer, weightsAt, most);
  const scoresPart = new Float32Array(memory.buffer, scoresAt, most * classes + 1);
  const labelsPart = new Int32Array(memory.buffer, labelsAt, most);
  // a class that only makes their number even has no share
  scaling.fill(Number.NEGATIVE_INFINITY, even);
  scaling.set(slopes);
  scaling.set(offsets, even);
  for (let at = 0; at < labels.length; at += most) {
    const rows = Math.min(most, labels.length - at);
    weightsPart.set(weights.subarray(at, at + rows));
    scoresPart.set(scores.subarray(at * classes, (at + rows) * classes));
    scoresPart[rows * classes] = 0;
    labelsPart.set(labels.subarray(at, at + rows));
    softmax(rows, classes, scoresAt, labelsAt, weightsAt, 0, gradientAt, heldAt);
  }
  return { slopes: gradient.slice(0, classes), offsets: gradient.slice(even, even + classes) };
}

function inSlots(length: number, work: (at: number, count: number) => void): void {
  for (let at = 0; at < length; at += SLOT) work(at, Math.min(SLOT, length - at));
}

function part(array: Float32Array, at: number, count: number): Float32Array {
  return array.length === count ? array : array.subarray(at, at + count);
}

/** What Node has of WebAssembly and its types leave out. */
interface Loader {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

function kernels(): Kernels {
  loaded ??= load();
  return loaded;
}

/** The kernels with a memory of at least so many bytes. */
function roomy(bytes: number): Exports {
  grown ??= instantiate();
  const missing = bytes - grown.memory.buffer.byteLength;
  if (missing > 0) grown.memory.grow(Math.ceil(missing / PAGE));
  return grown;
}

function instantiate(): Exports {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Loader }).WebAssembly;
  module ??= new Module(Buffer.from(KERNELS_WASM, 'base64'));
  return new Instance(module).exports as Exports;
}

function load(): Kernels {
  const exports = instantiate();
  const { buffer } = exports.memory;
  const [a, b, c] = [0, SLOT * 4, 2 * SLOT * 4] as const;
  return {
    ...exports,
    a: new Float32Array(buffer, a, SLOT),
    aBytes: new Uint8Array(buffer, a, 4 * SLOT),
    aWhole: new Int32Array(buffer, a, SLOT),
    b: new Float32Array(buffer, b, SLOT),
    bWhole: new Int32Array(buffer, b, SLOT),
    bBytes: new Uint8Array(buffer, b, 4 * SLOT),
    c: new Float32Array(buffer, c, SLOT),
    cBytes: new Uint8Array(buffer, c, 4 * SLOT),
  };
}
