// The numbers that fix a UNet's layout, under the names of the DDPM reference configuration.

/** Shape of a DDPM UNet; the CIFAR-10 network is {resolution 32, ch 128, chMult [1,2,2,2], numResBlocks 2, attnResolutions [16]}. */
export interface UNetConfig {
  /** Side of the square images in pixels; attention levels are found by it. */
  readonly resolution: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Channels of the first level. */
  readonly ch: number;
  /** Channels of each level as a multiple of `ch`; every further level halves the image. */
  readonly chMult: readonly number[];
  readonly numResBlocks: number;
  /** Sides at which self-attention is applied. */
  readonly attnResolutions: readonly number[];
  /** Groups of the group normalisation, at most; a level has the largest number that divides its channels. Published: 32. */
  readonly normGroups?: number;
  /** Added to the variance of a group before its root is taken. Published: 1e-6. */
  readonly epsilon?: number;
  /** Channels of an attention head; one head has all when absent, as published. */
  readonly headChannels?: number;
  /** Whether zeros stand on all sides of an image before it is halved; only right and below when absent, as published. */
  readonly evenPadding?: boolean;
  /** Whether cosines come before sines in the time embedding; the other way round when absent, as published. */
  readonly cosFirst?: boolean;
  /** By how much fewer intervals than frequencies the time embedding counts. Published: 1. */
  readonly frequencyShift?: number;
}
