// A denoiser on images larger than it was made for: they are cut into tiles of its size, it predicts the noise of each,
// and the predictions are put together. Nothing else of the diffusion knows about it, and because noise and steps are
// the same for every pixel, a tile goes the way that it would go alone, but where it overlaps with others: there their
// predictions are averaged (Bar-Tal et al. 2023, MultiDiffusion), which keeps the tiles of one image together. Without
// any overlap each becomes a picture of its own, with an edge around it.

/** [channels, height, width] */
type ImageShape = readonly [number, number, number];

/**
 * @param x    [N, C, H, W]
 * @param t    schedule indices [N]
 * @param into may be written to and returned, sized like x
 * @returns predicted noise like x
 */
export type DenoiserCall = (x: Float32Array, t: Float32Array, into?: Float32Array) => Promise<Float32Array>;

/** Part of a tile's side, at least, that it shares with the next one. */
const OVERLAP = 1 / 4;

/** Where the tiles of an image begin: as few as cover it with that overlap, evenly spread. */
export function tileCorners(
  [, height, width]: ImageShape,
  [, tileHeight, tileWidth]: ImageShape,
): readonly (readonly [top: number, left: number])[] {
  const rows = starts(height, tileHeight);
  const columns = starts(width, tileWidth);
  return rows.flatMap((top) => columns.map((left) => [top, left] as const));
}

function starts(extent: number, tile: number): number[] {
  const shared = Math.floor(tile * OVERLAP);
  const count = Math.max(1, Math.ceil((extent - shared) / (tile - shared)));
  return Array.from({ length: count }, (_, i) => Math.round((i * (extent - tile)) / Math.max(1, count - 1)));
}

/**
 * A denoiser for images of `shape`, made of one for tiles.
 *
 * @param tile with the channels of `shape`, and no larger
 */
export function tiled(denoise: DenoiserCall, shape: ImageShape, tile: ImageShape): DenoiserCall {
  const corners = tileCorners(shape, tile);
  const overlaps = countOverlaps(corners, shape, tile);
  const [size, tileSize] = [product(shape), product(tile)];
  return async (x, t) => {
    const tiles = new Float32Array(t.length * corners.length * tileSize);
    eachTile(t.length, (image, k) => {
      const [from, to] = [x.subarray(image * size), tiles.subarray((image * corners.length + k) * tileSize)];
      eachRow(corners[k]!, shape, tile, (at, tileAt, width) => to.set(from.subarray(at, at + width), tileAt));
    });
    const times = new Float32Array(t.length * corners.length);
    t.forEach((time, image) => {
      times.fill(time, image * corners.length, (image + 1) * corners.length);
    });
    const predicted = await inParts(tiles, times, t.length);
    const noise = new Float32Array(x.length);
    eachTile(t.length, (image, k) => {
      const from = predicted.subarray((image * corners.length + k) * tileSize);
      eachRow(corners[k]!, shape, tile, (at, tileAt, width) => {
        for (let i = 0; i < width; i++)
          noise[image * size + at + i]! += from[tileAt + i]! / overlaps[at + i]!;
      });
    });
    return noise;
  };

  /** Calls with so many tiles, no more than a batch has images: larger ones would need the memory of larger images. */
  async function inParts(tiles: Float32Array, times: Float32Array, part: number): Promise<Float32Array> {
    const predicted = new Float32Array(tiles.length);
    for (let from = 0; from < times.length; from += part) {
      const to = from + part;
      const noise = await denoise(tiles.slice(from * tileSize, to * tileSize), times.slice(from, to));
      predicted.set(noise, from * tileSize);
    }
    return predicted;
  }

  function eachTile(images: number, visit: (image: number, k: number) => void): void {
    for (let image = 0; image < images; image++) for (const k of corners.keys()) visit(image, k);
  }
}

/** How many tiles hold each number of an image. */
function countOverlaps(
  corners: ReturnType<typeof tileCorners>,
  shape: ImageShape,
  tile: ImageShape,
): Uint8Array {
  const counts = new Uint8Array(product(shape));
  for (const corner of corners) {
    eachRow(corner, shape, tile, (at, _, width) => {
      for (let i = at; i < at + width; i++) counts[i]!++;
    });
  }
  return counts;
}

/** Where each row of a tile begins in the image and in the tile. */
function eachRow(
  [top, left]: readonly [number, number],
  [channels, height, width]: ImageShape,
  [, tileHeight, tileWidth]: ImageShape,
  visit: (at: number, tileAt: number, width: number) => void,
): void {
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < tileHeight; y++) {
      visit((c * height + top + y) * width + left, (c * tileHeight + y) * tileWidth, tileWidth);
    }
  }
}

function product([channels, height, width]: ImageShape): number {
  return channels * height * width;
}
