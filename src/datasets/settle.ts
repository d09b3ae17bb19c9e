// Turns an entry of a source into a sample of the dataset, or into a quarantine entry that says what is wrong
// with it: it does not decode, has another size than the dataset, or a label out of range.

import { SampleError } from '../errors.ts';
import type { DecodeImage, Entry, Image, LabelledImage } from './entry.ts';
import { decodeImage } from './images/image.ts';
import { originalImage } from './images/image-file.ts';
import { pixelsInHeader, shapeInHeader } from './images/image-header.ts';
import { encodePng } from './images/png.ts';
import { resizeImage, sizeOfShape } from './images/resize.ts';
import { labelBeyond } from './label-census.ts';
import type { ImageShape, ReadResult, Sample } from './sample.ts';

/** What every sample of a dataset has to fit. */
export interface Expected {
  readonly shape: ImageShape;
  readonly classes: number;
  /** Images of other heights and widths are resized; refused when absent. */
  readonly resize?: boolean;
}

/** A good sample, or why it is none; never throws for the sake of a sample. */
export async function settleEntry(
  entry: Entry,
  expected: Expected,
  channels?: 1 | 3,
  decode?: DecodeImage,
): Promise<ReadResult> {
  const { id, source, offset } = entry;
  const turn = new Turn();
  try {
    const careful = expected.resize ? oneAtATime(turn, decode) : fitting(entry, expected, decode);
    const image = await decodeEntry(entry, expected.classes, channels, careful);
    const { label, pixels, shape, origin } = expected.resize ? await resized(image, expected.shape) : image;
    if (shape.some((extent, i) => extent !== expected.shape[i])) throw otherShape(entry, expected, shape);
    const sample: Sample = { id: id ?? `${source}@${offset}`, label, pixels, shape };
    return { ok: true, sample, place: { source, offset }, ...(origin && { origin }) };
  } catch (error) {
    if (!(error instanceof SampleError)) throw error;
    const { code, message } = error;
    return { ok: false, quarantined: { code, message, source, offset, ...(id !== undefined && { id }) } };
  } finally {
    turn.end();
  }
}

/** Decodes no image whose header shows that it is of another size. */
function fitting(entry: Entry, expected: Expected, decode: DecodeImage = decodeImage): DecodeImage {
  const [, height, width] = expected.shape;
  // mostly without a promise of its own: this is done for every image
  return (bytes, maxPixels) => {
    const decodeFitting = (found: ImageShape | undefined) => {
      const other = found && (found[1] !== height || found[2] !== width);
      // larger ones are refused by their decoder, for their size
      if (other && found[1] * found[2] <= maxPixels) throw otherShape(entry, expected, found);
      return decode(bytes, maxPixels);
    };
    const found = shapeInHeader(bytes);
    return found instanceof Promise ? found.then(decodeFitting) : decodeFitting(found);
  };
}

function otherShape({ id }: Entry, expected: Expected, found: ImageShape): SampleError {
  return new SampleError(
    `expected images of [${expected.shape}], found [${found}] at sample ${id}; ` +
      'set dataset.channels or dataset.resize',
  );
}

/** More pixels than these, decoded and resized, take hundreds of megabytes for a while. */
const LARGE = 2 ** 22;

/** Large images are decoded and resized one at a time. */
function oneAtATime(turn: Turn, decode: DecodeImage = decodeImage): DecodeImage {
  return async (bytes, maxPixels) => {
    if ((await pixelsInHeader(bytes)) > LARGE) await turn.come();
    return decode(bytes, maxPixels);
  };
}

/** A place in the queue of large images. */
class Turn {
  static #last: Promise<void> = Promise.resolve();
  #end: (() => void) | undefined;

  async come(): Promise<void> {
    const before = Turn.#last;
    Turn.#last = new Promise((resolve) => {
      this.#end = resolve;
    });
    await before;
  }

  end(): void {
    this.#end?.();
  }
}

/**
 * The image of an entry with its label, of whatever size.
 *
 * @param channels convert to so many where nothing is lost by it
 * @param decode   what decodes image files
 * @throws {SampleError} when it does not decode or its label is not in [0, classes)
 */
export async function decodeEntry(
  entry: Entry,
  classes: number,
  channels?: 1 | 3,
  decode: DecodeImage = decodeImage,
): Promise<LabelledImage> {
  const image = await entry.decode(decode);
  if (image.label < 0 || image.label >= classes) {
    throw labelBeyond(image.label, classes, entry.id);
  }
  return channels === undefined ? image : fitChannels(image, channels);
}

/** The image in the size of the dataset; as it came it stays in its origin, as a PNG where it was no file. */
async function resized(image: LabelledImage, shape: ImageShape): Promise<LabelledImage> {
  const fitted = await resizeImage(image, sizeOfShape(shape));
  if (fitted === image) return image;
  const original = (image.origin && originalImage(image.origin)) ?? encodePng(image);
  return {
    ...image,
    ...fitted,
    origin: { ...image.origin, image: original, size: sizeOfShape(image.shape) },
  };
}

/** Gray to RGB, and gray stored as RGB to gray; anything else stays, and is refused for its shape. */
export function fitChannels<T extends Image>(image: T, channels: 1 | 3): T {
  const [stored, height, width] = image.shape;
  if (stored === channels) return image;
  const area = height * width;
  const plane = image.pixels.subarray(0, area);
  if (channels === 3) {
    const pixels = new Uint8Array(3 * area);
    for (let c = 0; c < 3; c++) pixels.set(plane, c * area);
    return { ...image, pixels, shape: [3, height, width] };
  }
  const gray = image.pixels.every((value, i) => value === plane[i % area]);
  return gray ? { ...image, pixels: plane.slice(), shape: [1, height, width] } : image;
}
