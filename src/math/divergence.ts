// Measures of distributions that come as counts. Natural logarithms throughout: the unit is the nat.

/** Shannon entropy of the distribution that the counts estimate (plug-in); 0 where there are none. */
export function entropy(counts: ArrayLike<number>): number {
  const total = sum(counts);
  let result = 0;
  for (let i = 0; i < counts.length; i++) {
    const p = counts[i]! / total;
    if (p > 0) result -= p * Math.log(p);
  }
  return result;
}

/**
 * KL(onehot_i ‖ q) = −ln q_i for the distribution q that the counts estimate. Where class i was never counted,
 * half a count stands for it, so that the result stays finite.
 *
 * @throws {RangeError} when there are no counts at all: q is unknown then
 */
export function divergenceFromOneHot(counts: ArrayLike<number>, i: number): number {
  const total = sum(counts);
  if (total === 0) throw new RangeError('expected at least one count, found none; leave empty classes out');
  return Math.log(total / (counts[i]! === 0 ? 0.5 : counts[i]!));
}

function sum(counts: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i]!;
  return total;
}
