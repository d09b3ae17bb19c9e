// How far a distribution that comes as counts lies from certainty. Natural logarithms: the unit is the nat.

/**
 * KL(onehot_i ‖ q) = −ln q_i for the distribution q that the counts estimate. Where class i was never counted,
 * half a count stands for it, so that the result stays finite.
 *
 * @throws {RangeError} when there are no counts at all: q is unknown then
 */
export function divergenceFromOneHot(counts: Readonly<Record<number, number>>, i: number): number {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new RangeError('expected at least one count, found none; leave empty classes out');
  return Math.log(total / (counts[i] || 0.5));
}
