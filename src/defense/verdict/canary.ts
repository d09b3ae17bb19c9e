// A self-check without ground truth: known triggers are stamped on a few images, and the same observer and denoiser
// treat them like any others. A canary is hit when purification takes the stamp away and what is left is called what
// the image is called without it: had the image been poisoned, its label would have gone home. Where few canaries are
// hit, silence of the tests does not mean that a dataset is clean. An observer that is trained here has learned the
// stamps as poison is learned; then it shows as well whether it obeys them.

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
  /** Those of them whose stamp the observer obeyed before it was removed; where it was taught the stamps. */
  readonly betrayed?: number;
  /** Share of other images that obey the stamp: how well the observer learned it; where it was taught the stamps. */
  readonly learned?: number;
  /** 95 % interval of the rate. */
  readonly interval: readonly [low: number, high: number];
}

/** A tenth of the image's side, chequered, a pixel from the top left corner: 3×3 on 28 or 32 pixels. */
const PATCH_SHARE = 0.1;

/** A quarter of the side, of random colours, a pixel from the bottom right corner: 8×8 on 32 pixels. */
const LARGE_PATCH_SHARE = 0.25;

/** Weight of the noise picture in a blend (Chen et al. 2017). */
const BLEND = 0.2;

/** Share of the stamp that must be gone. */
const REMOVED = 0.5;

/** Share of images that obey a stamp from which on an observer has learned it. */
export const LEARNED = 0.5;

/** Kinds of stamps. */
export type CanaryKind = 'patch' | 'large-patch' | 'blend';

/** The stamps for images of one size: a small and a large opaque patch, and a faint picture over all of the image. */
export function canaryStamps(shape: ImageShape): Readonly<Record<CanaryKind, CanaryStamp>> {
  const [channels, height, width] = shape;
  const sideOf = (share: number) => Math.max(2, Math.round(share * Math.min(height, width)));
  const [side, large] = [sideOf(PATCH_SHARE), sideOf(LARGE_PATCH_SHARE)];
  const picture = new Float32Array(channels * height * width);
  fillUniform(picture, randomKey(0, 'canary'), 0, 0);
  /** Paints a square; it ends at the edge of the image. */
  const square =
    (
      side: number,
      top: number,
      left: number,
      valueAt: (y: number, x: number, at: number) => number,
    ): CanaryStamp =>
    (pixels) => {
      const stamped = Uint8Array.from(pixels);
      for (let c = 0; c < channels; c++) {
        for (let y = Math.max(0, top); y < Math.min(top + side, height); y++) {
          for (let x = Math.max(0, left); x < Math.min(left + side, width); x++) {
            const at = (c * height + y) * width + x;
            stamped[at] = valueAt(y, x, at);
          }
        }
      }
      return stamped;
    };
  return {
    patch: square(side, 1, 1, (y, x) => ((x + y) % 2 === 0 ? 255 : 0)),
    // of the same random picture, as far apart as can be
    'large-patch': square(large, height - 1 - large, width - 1 - large, (_y, _x, at) =>
      picture[at]! < 0.5 ? 0 : 255,
    ),
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
  /** Whether the observer obeyed the stamp before it was removed; where it was taught the stamps. */
  readonly obeyed?: boolean;
}

/**
 * Counts the canaries of one kind; undefined where there are none.
 *
 * @param learned share of other images that obey the stamp; left out where the observer was not taught it
 */
export function canaryFinding(
  trigger: string,
  canaries: readonly Canary[],
  learned?: number,
): CanaryFinding | undefined {
  const images = canaries.length;
  if (images === 0) return undefined;
  const hit = canaries.filter(({ removed, recovered }) => recovered && removed >= REMOVED);
  const hits = hit.length;
  const betrayed = hit.filter(({ obeyed }) => obeyed).length;
  return {
    trigger,
    images,
    hits,
    rate: hits / images,
    ...(learned !== undefined && { betrayed, learned }),
    interval: wilsonInterval(hits, images),
  };
}

/** Share of the canaries of a kind that leave as poison leaves: obeyed before purification, and sent home by it. */
export function leavingRate({ images, betrayed, rate }: CanaryFinding): number {
  return betrayed === undefined ? rate : betrayed / images;
}
