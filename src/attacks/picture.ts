// The pictures that attacks lay over images: seeded noise (the random pattern of Chen et al. 2017), a built-in drawing
// that is smooth where noise is rough, and anything that a user brings, brought to the size of the dataset.

import type { Image } from '../datasets/entry.ts';
import type { ImageShape } from '../datasets/sample.ts';
import { RandomStream, randomKey } from '../math/random.ts';

/** Luma of RGB, ITU-R BT.601. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** Every value drawn uniformly from 0 to 255. */
export function noisePicture(shape: ImageShape, seed: number): Image {
  const random = new RandomStream(randomKey(seed, 'attack/picture'));
  const size = shape[0] * shape[1] * shape[2];
  return { pixels: Uint8Array.from({ length: size }, () => random.integer(256)), shape };
}

/** Rings around the middle, light and dark in turns; the channels of RGB are a third of a ring apart. */
export function ringsPicture(shape: ImageShape): Image {
  const [channels, height, width] = shape;
  const pitch = Math.min(height, width) / 4;
  const area = height * width;
  const pixels = Uint8Array.from({ length: channels * area }, (_, at) => {
    const [channel, y, x] = [Math.floor(at / area), Math.floor((at % area) / width), at % width];
    const radius = Math.hypot(y + 0.5 - height / 2, x + 0.5 - width / 2);
    return Math.round(127.5 + 127.5 * Math.cos(2 * Math.PI * (radius / pitch - channel / 3)));
  });
  return { pixels, shape };
}

/** Gray as RGB, or RGB as its luma. */
export function withChannels({ pixels, shape }: Image, channels: number): Image {
  const [from, height, width] = shape;
  const area = height * width;
  if (from === channels) return { pixels, shape };
  const converted = Uint8Array.from({ length: channels * area }, (_, at) => {
    if (from === 1) return pixels[at % area]!;
    return Math.round(LUMA.reduce((sum, weight, c) => sum + weight * pixels[c * area + at]!, 0));
  });
  return { pixels: converted, shape: [channels, height, width] };
}

/** Another size and number of channels; bilinear, with the outer edges of both sizes in the same place. */
export function fitPicture(image: Image, shape: ImageShape): Image {
  const [channels, height, width] = shape;
  const { pixels, shape: from } = withChannels(image, channels);
  const [rows, columns] = [axis(from[1], height), axis(from[2], width)];
  const area = height * width;
  const at = (c: number, y: number, x: number) => pixels[(c * from[1] + y) * from[2] + x]!;
  const fitted = Uint8Array.from({ length: channels * area }, (_, i) => {
    const c = Math.floor(i / area);
    const [y, x] = [rows[Math.floor((i % area) / width)]!, columns[i % width]!];
    const upper = mix(at(c, y.low, x.low), at(c, y.low, x.high), x.share);
    const lower = mix(at(c, y.high, x.low), at(c, y.high, x.high), x.share);
    return Math.round(mix(upper, lower, y.share));
  });
  return { pixels: fitted, shape };
}

/** For each place of an axis of length `to`: its neighbours on one of length `from`, and the share of the upper. */
function axis(from: number, to: number): { low: number; high: number; share: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    const low = Math.floor(place);
    return { low, high: Math.min(from - 1, low + 1), share: place - low };
  });
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
