// What shape the images of a dataset have, from a look at a few dozens of them: one that came astray must not decide for all
// others. Headers tell it, so that nothing large is decoded for a look. A gray image is a color image as well, with equal channels, so gray ones join the others where most are in color.

import type { Entry } from './entry.ts';
import { decodeImage } from './images/image.ts';
import { shapeInHeader } from './images/image-header.ts';
import type { ImageSize } from './images/resize.ts';
import type { ImageShape } from './sample.ts';
import { decodeEntry } from './settle.ts';

/** Images that are looked at, or up to twice as many. */
export const LOOKS = 32;

export class Survey {
  readonly #shapes: ImageShape[] = [];

  get count(): number {
    return this.#shapes.length;
  }

  add(shape: ImageShape): void {
    this.#shapes.push(shape);
  }

  /**
   * The shape of the dataset, where something was looked at.
   *
   * @param resize   whether images of other sizes are resized, so that a size which few have may stand for all
   * @param channels that images are converted to
   */
  shapeOf({
    resize = false,
    channels,
  }: {
    readonly resize?: boolean;
    readonly channels?: 1 | 3;
  } = {}): ImageShape {
    const colored = this.#shapes.filter(([found]) => found === 3).length;
    const { size, count } = this.#commonest();
    const chosen = resize && 2 * count < this.count ? this.#median() : size;
    return [channels ?? (2 * colored >= this.count ? 3 : 1), ...chosen];
  }

  /** Of equally common ones the first. */
  #commonest(): { readonly size: ImageSize; readonly count: number } {
    const sizes = new Map<string, { readonly size: ImageSize; readonly count: number }>();
    for (const [, height, width] of this.#shapes) {
      const key = `${height}×${width}`;
      sizes.set(key, { size: [height, width], count: (sizes.get(key)?.count ?? 0) + 1 });
    }
    return [...sizes.values()].reduce((best, other) => (other.count > best.count ? other : best));
  }

  /** The size of middle area. */
  #median(): ImageSize {
    const sorted = this.#shapes.toSorted((a, b) => a[1] * a[2] - b[1] * b[2]);
    const [, height, width] = sorted[Math.floor((sorted.length - 1) / 2)]!;
    return [height, width];
  }
}

/**
 * The shape of an image, from its header where it has one.
 *
 * @throws {SampleError} when it cannot be told
 */
export async function lookAt(entry: Entry, classes: number, decode = decodeImage): Promise<ImageShape> {
  const { shape } = await decodeEntry(entry, classes, undefined, async (bytes, maxPixels) => {
    const found = await shapeInHeader(bytes);
    // the decoder says best what is wrong
    const isFine = found && found[1] * found[2] <= maxPixels;
    return isFine ? { pixels: new Uint8Array(0), shape: found } : decode(bytes, maxPixels);
  });
  return shape;
}

/** From `most` to twice as many items, evenly spread; all where there are fewer. */
export async function evenly<T>(items: AsyncIterable<T>, most: number): Promise<T[]> {
  let kept: T[] = [];
  let stride = 1;
  let at = 0;
  for await (const item of items) {
    if (at++ % stride !== 0) continue;
    kept.push(item);
    if (kept.length < 2 * most) continue;
    kept = kept.filter((_, i) => i % 2 === 0);
    stride *= 2;
  }
  return kept;
}

/** The first items. */
export async function* firstOf<T>(items: AsyncIterable<T>, most: number): AsyncGenerator<T> {
  let taken = 0;
  for await (const item of items) {
    yield item;
    if (++taken >= most) return;
  }
}

/** At most so many items, evenly spread, the first among them. */
export function spreadOver<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!);
}
