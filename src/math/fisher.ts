// Fisher's method (Fisher 1932): one p-value from several independent ones.

/**
 * ln of the combined p-value: the upper tail at −2·Σ ln pᵢ of χ² with twice as many degrees of freedom as there are
 * p-values, which for an even number is a finite sum.
 *
 * @param logPs natural logarithms of p-values, each at most 0; discrete ones err on the safe side
 */
export function combineLogPs(logPs: readonly number[]): number {
  const x = -logPs.reduce((sum, logP) => sum + logP, 0);
  if (x === 0) return 0;
  // e⁻ˣ · Σ xᵏ / k!, its terms scaled by the largest so that nothing overflows
  const logTerms = [0];
  for (let k = 1; k < logPs.length; k++) logTerms.push(logTerms[k - 1]! + Math.log(x / k));
  const largest = Math.max(...logTerms);
  const sum = logTerms.reduce((total, logTerm) => total + Math.exp(logTerm - largest), 0);
  return Math.min(0, largest + Math.log(sum) - x);
}
