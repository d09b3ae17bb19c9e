// AssemblyScript: arithmetic on images, four numbers at a time, behind ../kernels.ts. Arrays stand in slots of 16 KiB,
// counts go up to a multiple of four if not said otherwise. Sums are those of doubles and rounded once at the end, as JavaScript's are. What this
// folder is compiled to stands in ../kernels.wasm.ts, which `npx vitest run test/math/kernels.test.ts -u` writes.

const A: usize = 0;
const B: usize = 1 << 14;
const C: usize = 2 << 14;

/** A ← a·A + b·B, float32. */
export function mix(count: i32, a: f64, b: f64): void {
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const x = v128.load(A + at);
    const z = v128.load(B + at);
    store(A + at, sumOf(lowOf(x), a, lowOf(z), b), sumOf(highOf(x), a, highOf(z), b));
  }
}

/** B ← x̂₀ = a·A + b·B within [−1, 1]; A ← c·x̂₀ + d·A + e·C; float32. */
export function reverse(count: i32, a: f64, b: f64, c: f64, d: f64, e: f64): void {
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const x = v128.load(A + at);
    const noise = v128.load(B + at);
    const z = v128.load(C + at);
    const low = withinUnit(sumOf(lowOf(x), a, lowOf(noise), b));
    const high = withinUnit(sumOf(highOf(x), a, highOf(noise), b));
    store(B + at, low, high);
    const lowMean = sumOf(low, c, lowOf(x), d);
    const highMean = sumOf(high, c, highOf(x), d);
    store(A + at, sumOf(lowMean, 1, lowOf(z), e), sumOf(highMean, 1, highOf(z), e));
  }
}

/** Bytes of B ← A, float32 in [−1, 1], each to the nearest of 0…255. */
export function fromUnit(count: i32): void {
  for (let at: usize = 0; at < <usize>count; at += 4) {
    const x = v128.load(A + (at << 2));
    const half = f64x2.splat(127.5);
    const low = f64x2.add(f64x2.mul(lowOf(x), half), half);
    const high = f64x2.add(f64x2.mul(highOf(x), half), half);
    const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(single(low, high)));
    const words = i16x8.narrow_i32x4_s(whole, whole);
    v128.store32_lane(B + at, i8x16.narrow_i16x8_u(words, words), 0);
  }
}

/** A ← bytes of B, float32: 0…255 to [−1, 1]. */
export function toUnit(count: i32): void {
  for (let at: usize = 0; at < <usize>count; at += 4) {
    const words = i16x8.extend_low_i8x16_u(v128.load32_zero(B + at));
    const byte = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(words));
    const centred = f32x4.sub(f32x4.add(byte, byte), f32x4.splat(255));
    v128.store(A + (at << 2), f32x4.div(centred, f32x4.splat(255)));
  }
}

/** Limits A to [−1, 1], float32. */
export function clamp(count: i32): void {
  for (let at: usize = 0; at < (<usize>count) << 2; at += 16) {
    const x = v128.load(A + at);
    v128.store(A + at, f32x4.pmin(f32x4.pmax(x, f32x4.splat(-1)), f32x4.splat(1)));
  }
}

/** Bytes of B, 4096 and 8192 after it ← the first, second and third of each three bytes of A; counts up to sixteen. */
export function planes(count: i32): void {
  for (let at: usize = 0; at < <usize>count; at += 16) {
    const x = v128.load(A + 3 * at);
    const y = v128.load(A + 3 * at + 16);
    const z = v128.load(A + 3 * at + 32);
    const first = v128.shuffle<i8>(x, y, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
    const second = v128.shuffle<i8>(x, y, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
    const third = v128.shuffle<i8>(x, y, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
    v128.store(B + at, v128.shuffle<i8>(first, z, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29));
    v128.store(
      B + 4096 + at,
      v128.shuffle<i8>(second, z, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30),
    );
    v128.store(
      B + 8192 + at,
      v128.shuffle<i8>(third, z, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31),
    );
  }
}

/** A ← A + (C − D) and B ← B + (C − D)², int32, where D is the bytes 4096 after C, uint8 both; counts up to eight. */
export function residuals(count: i32): void {
  for (let at: usize = 0; at < <usize>count; at += 8) {
    const removed = i16x8.sub(v128.load8x8_u(C + at), v128.load8x8_u(C + 4096 + at));
    const to = at << 2;
    addTo(A + to, i32x4.extend_low_i16x8_s(removed));
    addTo(A + to + 16, i32x4.extend_high_i16x8_s(removed));
    addTo(B + to, i32x4.extmul_low_i16x8_s(removed, removed));
    addTo(B + to + 16, i32x4.extmul_high_i16x8_s(removed, removed));
  }
}

function addTo(to: usize, whole: v128): void {
  v128.store(to, i32x4.add(v128.load(to), whole));
}

/** a·x + b·z. */
function sumOf(x: v128, a: f64, z: v128, b: f64): v128 {
  return f64x2.add(f64x2.mul(f64x2.splat(a), x), f64x2.mul(f64x2.splat(b), z));
}

/** Limits to [−1, 1]; what is no number stays none. */
function withinUnit(x: v128): v128 {
  return f64x2.pmin(f64x2.pmax(x, f64x2.splat(-1)), f64x2.splat(1));
}

function lowOf(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

function highOf(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3));
}

function store(to: usize, low: v128, high: v128): void {
  v128.store(to, single(low, high));
}

function single(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}
