// A procedural dataset for the demo and for tests: one light object of ten kinds on a darker background, with random
// place, size, rotation, colours, gradients, clutter and noise. It is made from numbers alone, so it carries no
// licence and is not stored. Only the four basic operations and the square root are used, which give the same
// bits everywhere. Objects are signed distances: negative inside, in units of the object's radius.

import { fillNormal, RandomStream, randomKey } from '../../../math/random.ts';
import type { ImageShape, Sample } from '../../sample.ts';

export const SHAPES_SHAPE: ImageShape = [3, 32, 32];
const SIZE = 32;
const AREA = SIZE * SIZE;

/** Images of different splits share no random number. */
export const SHAPE_SPLITS = {
  train: { seed: 1, count: 2500 },
  test: { seed: 2, count: 500 },
  denoiser: { seed: 3, count: 20_000 },
} as const;
export type ShapeSplit = keyof typeof SHAPE_SPLITS;

type Vector = readonly [number, number];
type Color = readonly [number, number, number];
type Distance = (u: number, v: number) => number;

const OBJECTS: Readonly<Record<string, Distance>> = {
  checker: (u, v) => Math.max(box(u, v, 0.92, 0.92), checks(u, v, 0.46)),
  crescent: (u, v) => Math.max(length(u, v) - 1, 0.86 - length(u - 0.52, v)),
  cross: (u, v) => Math.min(box(u, v, 1, 0.27), box(u, v, 0.27, 1)),
  disc: (u, v) => length(u, v) - 0.88,
  dots: (u, v) => length(u - cell(u), v - cell(v)) - 0.25,
  ring: (u, v) => Math.abs(length(u, v) - 0.74) - 0.22,
  square: (u, v) => box(u, v, 0.78, 0.78),
  star: (u, v) => star(u, v),
  stripes: (u, v) =>
    Math.max(box(u, v, 0.95, 0.95), Math.abs(Math.abs(v) - (Math.abs(v) < 0.33 ? 0 : 0.68)) - 0.19),
  triangle: (u, v) => Math.max(v, Math.abs(u) * 0.8660254 - v * 0.5) - 0.5,
};

export const SHAPE_CLASSES: readonly string[] = Object.keys(OBJECTS);

/**
 * Draws one image.
 *
 * @param index any integer from 0; the class is `index` modulo 10
 */
export function drawShape(split: ShapeSplit, index: number): Sample {
  const { seed } = SHAPE_SPLITS[split];
  const label = index % SHAPE_CLASSES.length;
  const key = randomKey(seed, `shapes/${index}`);
  const random = new RandomStream(key);
  const canvas = new Float32Array(3 * AREA);
  const [ground, paint] = contrasting(random);
  fill(canvas, random, ground, () => 1);
  for (let left = random.integer(3); left > 0; left--) clutter(canvas, random);
  fill(canvas, random, paint, placed(random, OBJECTS[SHAPE_CLASSES[label]!]!));
  if (random.uniform() < 0.3) clutter(canvas, random);
  const noise = new Float32Array(canvas.length);
  fillNormal(noise, key, 1, 0);
  const sigma = between(random, 2, 10);
  const rounded = new Uint8ClampedArray(canvas.length); // rounds and clamps what it is given
  for (let i = 0; i < rounded.length; i++) rounded[i] = canvas[i]! + sigma * noise[i]!;
  const pixels = new Uint8Array(rounded.buffer);
  return { id: shapeId(split, index), label, pixels, shape: SHAPES_SHAPE };
}

/** The id of an image, known without drawing it. */
export function shapeId(split: ShapeSplit, index: number): string {
  return `${split}-${String(index).padStart(5, '0')}`;
}

/** An object at a random place, size, rotation and aspect, as coverage of the pixel at (x, y). */
function placed(random: RandomStream, distance: Distance): (x: number, y: number) => number {
  const radius = between(random, 9, 13);
  const margin = radius * 0.85;
  const [x0, y0] = [between(random, margin, SIZE - margin), between(random, margin, SIZE - margin)];
  const [cos, sin] = direction(random);
  const aspect = between(random, 0.78, 1);
  return (x, y) => {
    const u = ((x - x0) * cos + (y - y0) * sin) / radius;
    const v = ((y - y0) * cos - (x - x0) * sin) / (radius * aspect);
    return clamp(0.5 - distance(u, v) * radius * aspect);
  };
}

/** A small dot or a thin line that means nothing. */
function clutter(canvas: Float32Array, random: RandomStream): void {
  const [cos, sin] = direction(random);
  const [x0, y0] = [between(random, 0, SIZE), between(random, 0, SIZE)];
  const [long, wide] = random.uniform() < 0.5 ? [between(random, 3, 9), 0.7] : [between(random, 0.8, 2), 1.4];
  const color = anyColor(random);
  fill(canvas, random, color, (x, y) => {
    const along = Math.abs((x - x0) * cos + (y - y0) * sin) - long;
    const across = Math.abs((y - y0) * cos - (x - x0) * sin) - wide;
    return clamp(0.5 - Math.max(along, across));
  });
}

/** Lays a color over the canvas where `coverage` says, with a gradient in a random direction and soft waves. */
function fill(
  canvas: Float32Array,
  random: RandomStream,
  color: Color,
  coverage: (x: number, y: number) => number,
): void {
  const [gx, gy] = direction(random);
  const [wx, wy] = direction(random);
  const tilt = color.map(() => between(random, -2, 2));
  const [height, period, phase] = [between(random, 0, 14), between(random, 5, 14), random.uniform()];
  for (let i = 0; i < AREA; i++) {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
    const alpha = coverage(x + 0.5, y + 0.5);
    if (alpha === 0) continue;
    const slope = gx * (x - SIZE / 2) + gy * (y - SIZE / 2);
    const wave = height * triangleWave((wx * x + wy * y) / period + phase);
    for (let c = 0; c < 3; c++) {
      const at = c * AREA + i;
      canvas[at] = canvas[at]! * (1 - alpha) + (color[c]! + tilt[c]! * slope + wave) * alpha;
    }
  }
}

/** A darker and a lighter color, far enough from each other to tell an object from its ground. */
function contrasting(random: RandomStream): [Color, Color] {
  for (;;) {
    const [dark, light] = [anyColor(random), anyColor(random)];
    const brighter = light[0] + light[1] + light[2] - dark[0] - dark[1] - dark[2];
    const squared = dark.reduce((sum, value, c) => sum + (value - light[c]!) ** 2, 0);
    if (squared > 115 ** 2 && brighter > 100) return [dark, light];
  }
}

function anyColor(random: RandomStream): Color {
  return [between(random, 15, 240), between(random, 15, 240), between(random, 15, 240)];
}

/** A random unit vector, by rejection. */
function direction(random: RandomStream): Vector {
  for (;;) {
    const [x, y] = [between(random, -1, 1), between(random, -1, 1)];
    const norm = length(x, y);
    if (norm > 0.1 && norm <= 1) return [x / norm, y / norm];
  }
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

function length(u: number, v: number): number {
  return Math.sqrt(u * u + v * v);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Between −1 and 1 with period 1. */
function triangleWave(x: number): number {
  return 4 * Math.abs(x - Math.floor(x) - 0.5) - 1;
}

function box(u: number, v: number, width: number, height: number): number {
  return Math.max(Math.abs(u) - width, Math.abs(v) - height);
}

/** Every second cell of a grid of the given pitch, with a corner in the middle. */
function checks(u: number, v: number, pitch: number): number {
  const depth = Math.min(edgeDistance(u / pitch), edgeDistance(v / pitch)) * pitch;
  return (Math.floor(u / pitch) + Math.floor(v / pitch)) % 2 === 0 ? -depth : depth;
}

/** How far it is to the nearest integer. */
function edgeDistance(x: number): number {
  return 0.5 - Math.abs(x - Math.floor(x) - 0.5);
}

/** Middle of the nearest of three cells. */
function cell(u: number): number {
  return Math.abs(u) < 0.34 ? 0 : u < 0 ? -0.68 : 0.68;
}

// normals of the five sides, on which the points do not lie
const SIDES: readonly Vector[] = [
  [0, 1],
  [0.9510565, 0.309017],
  [0.5877853, -0.809017],
  [-0.5877853, -0.809017],
  [-0.9510565, 0.309017],
];

/** A pentagram: inside wherever at least four of its five half-planes hold. */
function star(u: number, v: number): number {
  let [largest, second] = [-1, -1];
  for (const [x, y] of SIDES) {
    const beyond = u * x + v * y;
    if (beyond > largest) [largest, second] = [beyond, largest];
    else if (beyond > second) second = beyond;
  }
  return second - 0.309017;
}
