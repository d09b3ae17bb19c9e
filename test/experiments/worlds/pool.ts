// All real images that worlds are drawn from, in memory, by class: CIFAR-10, Tiny-ImageNet, traffic signs, hands, digits
// and garments, as 32×32 RGB. CIFAR-10 without the shards that the shipped denoiser was trained on.

import { join } from 'node:path';
import { resizeImage } from '../../../src/datasets/images/resize.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import type { ImageShape } from '../../../src/datasets/sample.ts';

export const WORLD_SHAPE: ImageShape = [3, 32, 32];

/** What kind of images a class comes from. */
export type Kind = 'cifar' | 'tiny' | 'gtsrb' | 'hand' | 'mnist' | 'fashion';

/** One class of real images. */
export interface PoolClass {
  readonly name: string;
  readonly kind: Kind;
  /** uint8 [3, 32, 32] each, in the order of their source. */
  readonly images: readonly Uint8Array[];
}

const CIFAR = [0, 3, 4].map((shard) => `cifar10/cifar10-train-00000${shard}.tar.gz`);
const SOURCES: Readonly<Record<Kind, readonly string[]>> = {
  cifar: CIFAR,
  tiny: ['tiny-imagenet/tiny-imagenet-20-classes.tar.gz'],
  gtsrb: ['gtsrb/gtsrb-train-60-per-class.tar.gz'],
  hand: ['sign-digits/sign-digits-train.tar'],
  mnist: ['mnist/train-images-idx3-ubyte.gz'],
  fashion: ['fashion-mnist/train-images-idx3-ubyte.gz'],
};

/** Images of a class that are kept at most, and samples of a source that are read for it. */
const MOST = 1200;
const READ = 14_000;

/** @param data folder of the datasets, see ../shared/data */
export async function loadPool(data: string): Promise<readonly PoolClass[]> {
  const kinds = Object.keys(SOURCES) as Kind[];
  const pools: PoolClass[] = [];
  for (const kind of kinds) pools.push(...(await loadKind(data, kind)));
  return pools;
}

async function loadKind(data: string, kind: Kind): Promise<PoolClass[]> {
  const paths = SOURCES[kind].map((path) => join(data, path));
  const gray = kind === 'mnist' || kind === 'fashion';
  const dataset = await openDataset(paths, {
    limit: READ,
    ...(kind === 'cifar' && { classes: 10 }),
    ...(kind === 'gtsrb' || kind === 'cifar' || gray ? {} : { resize: true, size: [32, 32] as const }),
    ...(!gray && { channels: 3 as const }),
  });
  const images = new Map<number, Uint8Array[]>();
  for await (const result of dataset.read()) {
    if (!result.ok) continue;
    const { label, pixels, shape } = result.sample;
    const found = images.get(label) ?? [];
    images.set(label, found);
    if (found.length < MOST) found.push(gray ? await rgb(pixels, shape) : Uint8Array.from(pixels));
  }
  return [...images.entries()]
    .sort(([a], [b]) => a - b)
    .map(([label, of]) => ({
      name: `${kind}-${dataset.info.classNames?.[label] ?? label}`,
      kind,
      images: of,
    }));
}

/** A gray image of any size as 32×32 RGB. */
async function rgb(pixels: Uint8Array, shape: ImageShape): Promise<Uint8Array> {
  const fitted = await resizeImage({ pixels, shape }, [32, 32]);
  const all = new Uint8Array(3 * fitted.pixels.length);
  for (let c = 0; c < 3; c++) all.set(fitted.pixels, c * fitted.pixels.length);
  return all;
}
