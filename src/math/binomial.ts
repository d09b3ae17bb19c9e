// Tail probabilities of the binomial distribution, as logarithms: evidence from thousands of samples is far
// smaller than the smallest double.

/**
 * ln P(X ≥ k) for X ~ Binomial(n, p). Relative error below 1e-9 of the logarithm or of the probability.
 *
 * @param k integer
 * @param n integer, at least 0
 * @param p in (0, 1)
 */
export function logBinomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 0;
  if (k > n) return Number.NEGATIVE_INFINITY;
  // below the mean, the other tail is the small one
  if (k <= n * p) return Math.log1p(-Math.exp(logBinomialTail(n - k + 1, n, 1 - p)));
  const odds = p / (1 - p);
  let term = 1;
  let sum = 1;
  for (let j = k; j < n && term > sum * 1e-17; j++) {
    term *= ((n - j) / (j + 1)) * odds;
    sum += term;
  }
  return logBinomialCoefficient(n, k) + k * Math.log(p) + (n - k) * Math.log1p(-p) + Math.log(sum);
}

function logBinomialCoefficient(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** ln n!: summed for small n, Stirling's series above, exact to double precision. */
function logFactorial(n: number): number {
  if (n < 32) {
    let result = 0;
    for (let i = 2; i <= n; i++) result += Math.log(i);
    return result;
  }
  const nn = n * n;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * nn)) / nn) / nn) / n;
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + series;
}

/**
 * 95 % interval of a share (Wilson 1927).
 *
 * @param hits  at least 0 and at most `total`; need not be a whole number
 * @param total above 0
 */
export function wilsonInterval(hits: number, total: number): readonly [low: number, high: number] {
  const z2 = 1.959964 ** 2;
  const share = hits / total;
  const centre = (share + z2 / (2 * total)) / (1 + z2 / total);
  const half = Math.sqrt((z2 * (share * (1 - share) + z2 / (4 * total))) / total) / (1 + z2 / total);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}
