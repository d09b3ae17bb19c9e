// What honest people do to whole classes of images: stamps, borders and captions, blur, hard compression, colours.
// Each treatment is drawn once for a class and then applied to every image of it.

import { loadSharp } from '../../../src/datasets/images/load-sharp.ts';
import { interleave, planar } from '../../../src/datasets/sample.ts';
import type { RandomStream } from '../../../src/math/random.ts';
import { WORLD_SHAPE } from './pool.ts';

/** uint8 [3, 32, 32] in and out. */
export type Treatment = (pixels: Uint8Array) => Promise<Uint8Array>;

const [, HEIGHT, WIDTH] = WORLD_SHAPE;
const AREA = HEIGHT * WIDTH;

/** A photographer's stamp: a small picture, half transparent, at the same place of all images. */
export function stampTreatment(random: RandomStream): Treatment {
  const side = 4 + random.integer(4);
  const [top, left] = [random.integer(HEIGHT - side), random.integer(WIDTH - side)];
  const values = Array.from({ length: 3 * side * side }, () => (random.uniform() < 0.5 ? 20 : 235));
  const opacity = 0.5 + 0.5 * random.uniform();
  return painted((c, y, x, value) => {
    const inside = y >= top && y < top + side && x >= left && x < left + side;
    return inside ? value + opacity * (values[(c * side + y - top) * side + x - left]! - value) : value;
  });
}

/** A frame of one colour. */
export function borderTreatment(random: RandomStream): Treatment {
  const width = 1 + random.integer(2);
  const colour = [0, 1, 2].map(() => random.integer(256));
  return painted((c, y, x, value) =>
    Math.min(y, x, HEIGHT - 1 - y, WIDTH - 1 - x) < width ? colour[c]! : value,
  );
}

/** A caption: a strip at the bottom with light and dark dashes. */
export function captionTreatment(random: RandomStream): Treatment {
  const rows = 3 + random.integer(3);
  const dashes = Array.from({ length: rows * WIDTH }, () => (random.uniform() < 0.4 ? 240 : 25));
  return painted((_, y, x, value) => (y >= HEIGHT - rows ? dashes[(y - HEIGHT + rows) * WIDTH + x]! : value));
}

/** Out of focus. */
export function blurTreatment(random: RandomStream): Treatment {
  const sigma = 0.6 + random.uniform();
  return (pixels) => throughSharp(pixels, (image) => image.blur(sigma));
}

/** Compressed so hard that blocks show. */
export function compressedTreatment(random: RandomStream): Treatment {
  const quality = 10 + random.integer(25);
  return async (pixels) => {
    const sharp = await loadSharp();
    const jpeg = await throughSharpTo(pixels, (image) => image.jpeg({ quality }));
    const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    return planar(data, WORLD_SHAPE, info.channels);
  };
}

/** Gray images in two colours: one for dark, one for light. */
export function colourTreatment(random: RandomStream): Treatment {
  const dark = [0, 1, 2].map(() => random.integer(128));
  const light = [0, 1, 2].map(() => 128 + random.integer(128));
  return painted((c, _y, _x, value) => dark[c]! + (value / 255) * (light[c]! - dark[c]!));
}

/** A little brighter or darker, and moved by a pixel: what nearly the same picture looks like. */
export function jitter(pixels: Uint8Array, random: RandomStream): Uint8Array {
  const shift = 8 * (random.uniform() - 0.5);
  const [dy, dx] = [random.integer(3) - 1, random.integer(3) - 1];
  return Uint8Array.from(pixels, (_, at) => {
    const [c, y, x] = [Math.floor(at / AREA), Math.floor((at % AREA) / WIDTH), at % WIDTH];
    const [row, column] = [
      Math.min(HEIGHT - 1, Math.max(0, y + dy)),
      Math.min(WIDTH - 1, Math.max(0, x + dx)),
    ];
    return clamped(pixels[c * AREA + row * WIDTH + column]! + shift);
  });
}

function painted(paint: (c: number, y: number, x: number, value: number) => number): Treatment {
  return async (pixels) =>
    Uint8Array.from(pixels, (value, at) =>
      clamped(paint(Math.floor(at / AREA), Math.floor((at % AREA) / WIDTH), at % WIDTH, value)),
    );
}

function clamped(value: number): number {
  return Math.min(255, Math.max(0, Math.round(value)));
}

type Sharp = ReturnType<Awaited<ReturnType<typeof loadSharp>>>;

async function throughSharp(pixels: Uint8Array, work: (image: Sharp) => Sharp): Promise<Uint8Array> {
  return planar(await throughSharpTo(pixels, (image) => work(image).raw()), WORLD_SHAPE, 3);
}

async function throughSharpTo(pixels: Uint8Array, work: (image: Sharp) => Sharp): Promise<Buffer> {
  const sharp = await loadSharp();
  const raw = { height: HEIGHT, width: WIDTH, channels: 3 } as const;
  return work(sharp(interleave(pixels, WORLD_SHAPE), { raw })).toBuffer();
}
