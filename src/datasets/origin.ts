// What a sample was in its source, beside its pixels and its label: the encoded image and whatever else stood with
// it. A sample that leaves as it came leaves with these bytes; one that is repaired keeps all but image and label.
// An origin is plain data, so that it can wait on disk until its sample is settled.

import { parseLooseJson } from '../bounded-json.ts';
import { hasBmpSignature } from './bmp.ts';
import type { Image } from './entry.ts';
import { hasGifSignature } from './gif.ts';
import { libvipsKind } from './libvips-image.ts';
import { encodePng } from './png.ts';
import type { ImageSize } from './resize.ts';

export interface Origin {
  /**
   * The image's file as it was; `in line` where it stands in the line of NDJSON. Absent where the source
   * holds bare pixels, or the image has changed.
   */
  readonly image?: Uint8Array | 'in line';
  /** The file of the image that took its place, where that is to be no PNG. */
  readonly encoded?: Uint8Array;
  /** Of `image`, where the sample's pixels are those of the image resized. */
  readonly size?: ImageSize;
  /** What only a writer of the same format gives back. */
  readonly rest?: Rest;
}

/** By the format that it was read from. */
export type Rest =
  /** A file of a class folder; `folder` is the path from the root to it. */
  | { readonly format: 'class-folders'; readonly folder: string; readonly name: string }
  /** The line without its end, and what it says, so that nobody has to parse it again; relative paths start from `folder`. */
  | {
      readonly format: 'ndjson';
      readonly line: Uint8Array;
      readonly folder: string;
      readonly says: LineFields;
    }
  /** The path beside the image's bytes, the file that says how columns are laid out, and the further ones, as stored. */
  | {
      readonly format: 'parquet';
      readonly file: string;
      readonly path?: string;
      readonly others?: Readonly<Record<string, unknown>>;
    }
  /** All members of the sample in their order; the image has no bytes here. */
  | { readonly format: 'webdataset'; readonly key: string; readonly members: readonly Member[] };

export interface LineFields {
  readonly id?: string;
  readonly label: number;
  /** Where the image does not stand in the line itself. */
  readonly path?: string;
}

export interface Member {
  readonly name: string;
  readonly bytes: Uint8Array | undefined;
}

/** The origin of a sample whose image was replaced. @param encoded the file that took its place, if that is no PNG */
export function withoutImage(origin: Origin | undefined, encoded?: Uint8Array): Origin | undefined {
  const { rest } = origin ?? {};
  return rest || encoded ? { ...(rest && { rest }), ...(encoded && { encoded }) } : undefined;
}

/** The file of the image as it came, wherever it stands. */
export function originalImage({ image, rest }: Origin): Uint8Array | undefined {
  if (image !== 'in line') return image;
  if (rest?.format !== 'ndjson')
    throw new Error(`expected a line with an image, found ${rest?.format ?? 'none'}`);
  const fields = parseLooseJson(textOf(rest.line)) as { readonly image: string };
  return Buffer.from(fields.image, 'base64');
}

/** Without copying what may be large. */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('utf8');
}

/** The file of an image and how its name ends: as it came, as it was encoded, or a PNG of the pixels. */
export function imageFile(
  image: Image,
  origin: Origin | undefined,
): { bytes: Uint8Array; extension: string } {
  const file = origin && (originalImage(origin) ?? origin.encoded);
  if (!file) return { bytes: encodePng(image), extension: 'png' };
  return { bytes: file, extension: extensionOf(file) };
}

/** How the name of that file ends. */
export function imageExtension(origin: Origin | undefined): string {
  const file = origin && (originalImage(origin) ?? origin.encoded);
  return file ? extensionOf(file) : 'png';
}

function extensionOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff) return 'jpg';
  if (first === 0x50) return second === 0x35 ? 'pgm' : 'ppm';
  if (hasBmpSignature(bytes)) return 'bmp';
  if (hasGifSignature(bytes)) return 'gif';
  return libvipsKind(bytes)?.toLowerCase() ?? 'png';
}
