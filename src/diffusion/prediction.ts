// What a denoiser says of a noisy image: the noise in it, the clean image, or v, a mixture of both. All of them say the same,
// and the sampler needs the clean image: here, and nowhere else, it is found in what was said.

/** What denoisers predict, under the names that diffusers gives it. */
export const PREDICTIONS = ['epsilon', 'v_prediction', 'sample'] as const;
export type PredictionKind = (typeof PREDICTIONS)[number];

/** x̂₀ = xToEstimate·x + predictedToEstimate·prediction. */
export interface EstimateFactors {
  readonly xToEstimate: number;
  readonly predictedToEstimate: number;
}

/**
 * How the clean image follows from x = α·x₀ + σ·ε and a prediction, where α² = ᾱ and σ² = 1 − ᾱ: from the noise
 * x̂₀ = (x − σ·ε)/α, from v = α·ε − σ·x₀ it is α·x − σ·v. Of these only the noise says nothing where nothing is left of the
 * image (ᾱ = 0): then the factors are not finite.
 *
 * @see Salimans and Ho 2022, "Progressive distillation for fast sampling of diffusion models", section 4 and appendix D
 */
export function estimateFactors(kind: PredictionKind, alphaBar: number): EstimateFactors {
  switch (kind) {
    case 'epsilon':
      return { xToEstimate: 1 / Math.sqrt(alphaBar), predictedToEstimate: -Math.sqrt(1 / alphaBar - 1) };
    case 'v_prediction':
      return { xToEstimate: Math.sqrt(alphaBar), predictedToEstimate: -Math.sqrt(1 - alphaBar) };
    case 'sample':
      return { xToEstimate: 0, predictedToEstimate: 1 };
  }
}
