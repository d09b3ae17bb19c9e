// AssemblyScript: gradients of a softmax over scaled scores, two classes at a time, behind `softmaxGradient` of
// ../kernels.ts. The exponential is fdlibm's, as V8's is, so that sums are the same bits.

/**
 * Adds the gradients of weight · cross-entropy(softmax(slope · score + offset), label) by slopes and offsets over all rows.
 *
 * @param scores   address of float32 [rows, classes], and a finite one behind them
 * @param labels   of int32 [rows]
 * @param weights  of float64 [rows]
 * @param scaling  of float64 [2, even]: slopes and offsets of an even number of classes; of one more, 0 and −∞
 * @param gradient of float64 [2, even]: by slopes, by offsets
 * @param held     of float64 [even], for use on the way
 */
export function softmax(
  rows: i32,
  classes: i32,
  scores: usize,
  labels: usize,
  weights: usize,
  scaling: usize,
  gradient: usize,
  held: usize,
): void {
  const width = (<usize>(classes + (classes & 1))) << 3;
  for (let row = 0; row < rows; row++) {
    let most = f64x2.splat(-Infinity);
    for (let at: usize = 0; at < width; at += 16) {
      const score = scoresAt(scores + (at >> 1));
      const scaled = f64x2.add(f64x2.mul(v128.load(scaling + at), score), v128.load(scaling + width + at));
      v128.store(held + at, scaled);
      most = f64x2.pmax(most, scaled);
    }
    const largest = f64x2.splat(max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1)));
    let total: f64 = 0;
    for (let at: usize = 0; at < width; at += 16) {
      const power = exponential(f64x2.sub(v128.load(held + at), largest));
      v128.store(held + at, power);
      // one after the other, as numbers of JavaScript are added
      total += f64x2.extract_lane(power, 0);
      total += f64x2.extract_lane(power, 1);
    }
    const weight = load<f64>(weights);
    const share = f64x2.splat(weight / total);
    for (let at: usize = 0; at < width; at += 16) {
      v128.store(held + at, f64x2.mul(v128.load(held + at), share));
    }
    const own = held + ((<usize>load<i32>(labels)) << 3);
    store<f64>(own, load<f64>(own) - weight);
    for (let at: usize = 0; at < width; at += 16) {
      const error = v128.load(held + at);
      const bySlope = gradient + at;
      v128.store(bySlope, f64x2.add(v128.load(bySlope), f64x2.mul(error, scoresAt(scores + (at >> 1)))));
      v128.store(bySlope + width, f64x2.add(v128.load(bySlope + width), error));
    }
    scores += (<usize>classes) << 2;
    labels += 4;
    weights += 8;
  }
}

function scoresAt(address: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(address));
}

/** e to the power of two numbers of at most 0. */
function exponential(x: v128): v128 {
  const size = f64x2.abs(x);
  // x = k · ln 2 + rest, ln 2 in two parts; no k within half of it
  const near = f64x2.le(size, f64x2.splat(0.34657359123229975));
  const wanted = f64x2.sub(f64x2.mul(x, f64x2.splat(Math.LOG2E)), f64x2.splat(0.5));
  const k = v128.andnot(f64x2.trunc(wanted), near);
  const high = f64x2.sub(x, f64x2.mul(k, f64x2.splat(0.6931471803691238)));
  const low = f64x2.mul(k, f64x2.splat(1.9082149292705877e-10));
  const rest = f64x2.sub(high, low);
  const square = f64x2.mul(rest, rest);
  let series = f64x2.splat(4.1381367970572385e-8);
  series = f64x2.add(f64x2.splat(-1.6533902205465252e-6), f64x2.mul(square, series));
  series = f64x2.add(f64x2.splat(6.613756321437934e-5), f64x2.mul(square, series));
  series = f64x2.add(f64x2.splat(-0.0027777777777015593), f64x2.mul(square, series));
  series = f64x2.add(f64x2.splat(0.16666666666666602), f64x2.mul(square, series));
  const c = f64x2.sub(rest, f64x2.mul(square, series));
  const quotient = f64x2.div(f64x2.mul(rest, c), f64x2.sub(f64x2.splat(2), c));
  const one = f64x2.splat(1);
  const power = f64x2.sub(one, f64x2.sub(f64x2.sub(low, quotient), high));
  const exponent = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(k));
  // in two steps where the result is below the normal numbers
  const deep = i64x2.lt_s(exponent, i64x2.splat(-1021));
  const biased = i64x2.add(exponent, v128.bitselect(i64x2.splat(2023), i64x2.splat(1023), deep));
  const first = f64x2.mul(power, i64x2.shl(biased, 52));
  const scaled = f64x2.mul(first, v128.bitselect(f64x2.splat(9.332636185032189e-302), one, deep));
  const tiny = f64x2.lt(size, f64x2.splat(3.725290298461914e-9));
  const gone = f64x2.lt(x, f64x2.splat(-745.1332191019411));
  return v128.andnot(v128.bitselect(f64x2.add(one, x), scaled, tiny), gone);
}
