// A self-check without ground truth: known triggers are stamped on a few images, and the same observer and denoiser
// treat them like any others. A canary is hit when purification takes the stamp away and what is left is called what
// the image is called without it: had the image been poisoned, its label would have gone home. Where few canaries are
// hit, silence of the tests does not mean that a dataset is clean.

import type { ImageShape } from '../../datasets/sample.ts';
import { wilsonInterval } from '../../math/binomial.ts';
import { fillUniform, randomKey } from '../../math/random.ts';

/** Stamps an image, uint8 [C, H, W] in and out. */
export type CanaryStamp = (pixels: Uint8Array) => Uint8Array;

/** How the canaries of one kind fared. */
export interface CanaryFinding {
  readonly trigger: string;
  readonly images: number;
  /** Stamp removed, and label as without it. */
  readonly hits: number;
  readonly rate: number;
  /** 95 % interval of the rate. */
  readonly interval: readonly [low: number, high: number];
}

/** A tenth of the image's side, chequered, a pixel from the top left corner: 3×3 on 28 or 32 pixels. */
const PATCH_SHARE = 0.1;

/** Weight of the noise picture in a blend (Chen et al. 2017). */
const BLEND = 0.2;

/** Share of the stamp that must be gone. */
const REMOVED = 0.5;

/** The stamps for images of one size: a small opaque patch, and a faint picture over all of the image. */
export function canaryStamps(shape: ImageShape): Readonly<Record<'patch' | 'blend', CanaryStamp>> {
  const [channels, height, width] = shape;
  const side = Math.max(2, Math.round(PATCH_SHARE * Math.min(height, width)));
  const picture = new Float32Array(channels * height * width);
  fillUniform(picture, randomKey(0, 'canary'), 0, 0);
  return {
    patch(pixels) {
      const stamped = Uint8Array.from(pixels);
      for (let c = 0; c < channels; c++) {
        for (let y = 1; y <= Math.min(side, height - 1); y++) {
          for (let x = 1; x <= Math.min(side, width - 1); x++) {
            stamped[(c * height + y) * width + x] = (x + y) % 2 === 0 ? 255 : 0;
          }
        }
      }
      return stamped;
    },
    blend: (pixels) => pixels.map((value, i) => Math.round((1 - BLEND) * value + BLEND * 255 * picture[i]!)),
  };
}

/**
 * How much of a stamp purification took away: 1 all of it, 0 nothing.
 *
 * @param raw      without the stamp
 * @param stamped  with it
 * @param purified what became of the stamped image
 */
export function removedShare(raw: Uint8Array, stamped: Uint8Array, purified: Uint8Array): number {
  let [removed, all] = [0, 0];
  for (let i = 0; i < raw.length; i++) {
    const stamp = stamped[i]! - raw[i]!;
    removed += stamp * (stamped[i]! - purified[i]!);
    all += stamp * stamp;
  }
  return all === 0 ? 0 : removed / all;
}

/** One canary: the share of its stamp that is gone, and whether it is called what it is called without it. */
export interface Canary {
  readonly removed: number;
  readonly recovered: boolean;
}

/** Counts the canaries of one kind; undefined where there are none. */
export function canaryFinding(trigger: string, canaries: readonly Canary[]): CanaryFinding | undefined {
  const images = canaries.length;
  if (images === 0) return undefined;
  const hits = canaries.filter(({ removed, recovered }) => recovered && removed >= REMOVED).length;
  return { trigger, images, hits, rate: hits / images, interval: wilsonInterval(hits, images) };
}
