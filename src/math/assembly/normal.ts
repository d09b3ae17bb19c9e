// AssemblyScript: standard normal numbers, four Philox blocks at a time, behind `fillNormal` of ../random.ts. Every
// operation is one of IEEE doubles or of integers, so that it gives the same bits everywhere.

const NORMALS_PER_BLOCK_LOG2: usize = 2;
const BYTES_LOG2: usize = 2;

/**
 * Writes the standard normal float32 numbers of `count` blocks, counted up to a multiple of four, from address 0 on.
 *
 * @param first block, whose counter is (first, step, round, high); the key is (seed, low)
 */
export function fill(first: i32, count: i32, step: i32, round: i32, high: i32, seed: i32, low: i32): void {
  const firsts = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  for (let block = 0; block < count; block += 4) {
    let c0 = i32x4.add(firsts, i32x4.splat(block));
    let c1 = i32x4.splat(step);
    let c2 = i32x4.splat(round);
    let c3 = i32x4.splat(high);
    let k0 = seed;
    let k1 = low;
    for (let i = 0; i < 10; i++) {
      const high0 = multiplyHigh(i32x4.splat(0xd2511f53), c0);
      const high1 = multiplyHigh(i32x4.splat(0xcd9e8d57), c2);
      const low0 = i32x4.mul(i32x4.splat(0xd2511f53), c0);
      const low1 = i32x4.mul(i32x4.splat(0xcd9e8d57), c2);
      c0 = v128.xor(v128.xor(high1, c1), i32x4.splat(k0));
      c1 = low1;
      c2 = v128.xor(v128.xor(high0, c3), i32x4.splat(k1));
      c3 = low0;
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    const to = (<usize>block) << (NORMALS_PER_BLOCK_LOG2 + BYTES_LOG2);
    storeTwo(to, c0, c1, c2, c3);
    storeTwo(to + 32, upper(c0), upper(c1), upper(c2), upper(c3));
  }
}

/** Upper 32 bits of four products of unsigned integers. */
function multiplyHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

function upper(words: v128): v128 {
  return v128.shuffle<i32>(words, words, 2, 3, 2, 3);
}

/** The eight numbers of the first two blocks; `words0` holds the first word of each, and so on. */
function storeTwo(to: usize, words0: v128, words1: v128, words2: v128, words3: v128): void {
  const pairs0 = normalPairs(words0, words1);
  const pairs1 = normalPairs(words2, words3);
  v128.store(to, v128.shuffle<i64>(pairs0, pairs1, 0, 2));
  v128.store(to + 16, v128.shuffle<i64>(pairs0, pairs1, 1, 3));
}

/** Box–Muller for the first two words: radius √(−2·ln u) from those of `a`, angle 2π·v from `b`; error below 1e-8. */
function normalPairs(a: v128, b: v128): v128 {
  const radius = f64x2.sqrt(f64x2.mul(f64x2.splat(-2), logOfFraction(a)));
  // the upper two bits name the quadrant, the others an angle in [−π/4, π/4)
  const centred = i32x4.sub(v128.and(b, i32x4.splat(0x3fffffff)), i32x4.splat(0x20000000));
  const x = f64x2.mul(f64x2.convert_low_i32x4_s(centred), f64x2.splat(Math.PI / 2147483648));
  const xx = f64x2.mul(x, x);
  let sin = multiplyAdd(f64x2.splat(1 / 362880.0), xx, -1 / 5040.0);
  sin = multiplyAdd(sin, xx, 1 / 120.0);
  sin = multiplyAdd(sin, xx, -1 / 6.0);
  sin = f64x2.mul(x, multiplyAdd(sin, xx, 1));
  let cos = multiplyAdd(f64x2.splat(-1 / 3628800.0), xx, 1 / 40320.0);
  cos = multiplyAdd(cos, xx, -1 / 720.0);
  cos = multiplyAdd(cos, xx, 1 / 24.0);
  cos = multiplyAdd(cos, xx, -1 / 2.0);
  cos = multiplyAdd(cos, xx, 1);
  const quadrant = i64x2.extend_low_i32x4_s(b);
  const negative = i64x2.shr_s(quadrant, 63);
  const swapped = i64x2.shr_s(i64x2.shl(quadrant, 33), 63);
  const signed = v128.bitselect(f64x2.neg(radius), radius, negative);
  const first = f64x2.mul(signed, v128.bitselect(f64x2.neg(sin), cos, swapped));
  const second = f64x2.mul(signed, v128.bitselect(cos, sin, swapped));
  return v128.shuffle<i32>(f32x4.demote_f64x2_zero(first), f32x4.demote_f64x2_zero(second), 0, 4, 1, 5);
}

/** ln((word + ½) / 2³²) of the first two words, by ln m = 2·artanh((m−1)/(m+1)) on m in [√½, √2). */
function logOfFraction(words: v128): v128 {
  const value = f64x2.add(f64x2.convert_low_i32x4_u(words), f64x2.splat(0.5));
  const mantissa = v128.or(v128.and(value, i64x2.splat(0x000fffffffffffff)), i64x2.splat(0x3ff0000000000000));
  const power = i64x2.sub(i64x2.shr_u(value, 52), i64x2.splat(1023 + 32));
  const large = f64x2.ge(mantissa, f64x2.splat(Math.SQRT2));
  const m = v128.bitselect(f64x2.mul(mantissa, f64x2.splat(0.5)), mantissa, large);
  const exponent = f64x2.add(
    f64x2.convert_low_i32x4_s(v128.shuffle<i32>(power, power, 0, 2, 0, 2)),
    v128.and(large, f64x2.splat(1)),
  );
  const s = f64x2.div(f64x2.sub(m, f64x2.splat(1)), f64x2.add(m, f64x2.splat(1)));
  const ss = f64x2.mul(s, s);
  let series = multiplyAdd(f64x2.splat(1 / 11.0), ss, 1 / 9.0);
  series = multiplyAdd(series, ss, 1 / 7.0);
  series = multiplyAdd(series, ss, 1 / 5.0);
  series = multiplyAdd(series, ss, 1 / 3.0);
  series = multiplyAdd(series, ss, 1);
  const whole = f64x2.mul(exponent, f64x2.splat(Math.LN2));
  return f64x2.add(whole, f64x2.mul(f64x2.mul(f64x2.splat(2), s), series));
}

/** a·b + c, rounded twice. */
function multiplyAdd(a: v128, b: v128, c: f64): v128 {
  return f64x2.add(f64x2.splat(c), f64x2.mul(a, b));
}
