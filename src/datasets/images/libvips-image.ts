// Images that libvips decodes, through sharp, to 8-bit channel-major images with one or three channels: what JPEG, WebP,
// AVIF and TIFF have in common. Pixels come as Pillow's `convert("RGB")` and torchvision give them: not changed by a
// color profile, inks to colors by multiplication, alpha dropped. Of several pages the first is the image.

import type { Metadata, Sharp, SharpOptions } from 'sharp';
import { SampleError } from '../../errors.ts';
import type { Image } from '../entry.ts';
import { type ImageShape, planar } from '../sample.ts';
import { loadSharp } from './load-sharp.ts';
import { roundedTo8 } from './png.ts';

const GRAY = ['b-w', 'grey16'];
const COLORS = ['srgb', 'rgb', 'rgb16'];
const INKS = 'cmyk';
const KINDS = [
  ['WebP', /^RIFF.{4}WEBP/s],
  ['AVIF', /^.{4}ftyp(?:avif|avis|mif1)/s],
  ['TIFF', /^(?:II[*+]\0|MM\0[*+])/],
] as const;
/** What the decoder says of files that some cameras and microscopes write, and of which no pixel is lost. */
const HARMLESS = [
  /extraneous bytes before marker|unknown JFIF revision|Unknown Adobe color transform|Invalid SOS parameters/,
  // of tags of a TIFF that say nothing of pixels, or more than is needed
  /incorrect count for field|does not end in null byte|entry count is .* Ignoring extra entries/,
  /tags are not sorted|IFD looping to directory/,
];
/** What it adds to each of them. */
const NO_REASON = /^\s*$|^Warning treated as error|^error in tile|^tiff2vips: read error/;

/** What there is beside JPEG, by its first 12 bytes; undefined for everything else. */
export function libvipsKind(bytes: Uint8Array): 'WebP' | 'AVIF' | 'TIFF' | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 12)).toString('latin1');
  return KINDS.find(([, pattern]) => pattern.test(start))?.[0];
}

/**
 * Decodes an image: gray to one channel, everything else to three.
 *
 * @param kind      for people
 * @param maxPixels more than this are refused from the header alone
 * @throws {SampleError} when it is damaged, cut off, too large, or of other pixels than colors
 * @throws {EngineError} when sharp is not installed
 */
export async function decodeThroughLibvips(
  bytes: Uint8Array,
  kind: string,
  maxPixels: number,
): Promise<Image> {
  const fail = (error: Error) => {
    const remedy = kind === 'TIFF' ? 'fetch it again or convert it to PNG' : 'fetch or export it again';
    return new SampleError(`expected a ${kind} that decodes, found: ${reasonOf(error)}; ${remedy}`);
  };
  const header = await headerOf(bytes).catch((error: Error) => {
    throw fail(error);
  });
  const { width, height } = header;
  if (width * height > maxPixels) {
    throw new SampleError(
      `expected at most ${maxPixels} pixels, found a ${kind} header of ${width}×${height}; ` +
        'resize the image or raise dataset.maxPixels',
    );
  }
  const supported = header.space === INKS ? ['uchar'] : ['uchar', 'ushort'];
  if (![...GRAY, ...COLORS, INKS].includes(header.space) || !supported.includes(header.depth)) {
    throw new SampleError(
      `expected a ${kind} of gray, RGB or CMYK in 8 or 16 bits, found ${header.space} of ${header.depth}; ` +
        'save it as RGB of 8 bits',
    );
  }
  return pixelsOf(bytes, header, 'warning')
    .catch((error: Error) => {
      if (!isHarmless(error)) throw error;
      return pixelsOf(bytes, header, 'error');
    })
    .catch((error: Error) => {
      throw fail(error);
    });
}

function isHarmless({ message }: Error): boolean {
  const known = [...HARMLESS, NO_REASON];
  return message.split('\n').every((line) => known.some((pattern) => pattern.test(line)));
}

/** The last line that says something. */
function reasonOf({ message }: Error): string {
  const lines = message.trim().split('\n');
  return lines.findLast((line) => !NO_REASON.test(line)) ?? lines.at(-1)!;
}

/** The shape that decoding will give; undefined where the header does not say it, or cannot be read. */
export async function shapeThroughLibvips(bytes: Uint8Array): Promise<ImageShape | undefined> {
  const header = await headerOf(bytes).catch(() => undefined);
  return header && [isGray(header) ? 1 : 3, header.height, header.width];
}

/** Pixels are not decoded for it. Width and height are those of the image as it is to be seen, where that is a TIFF. */
async function headerOf(bytes: Uint8Array): Promise<Metadata> {
  const header = await (await open(bytes, 'error')).metadata();
  return header.format === 'tiff' ? { ...header, ...header.autoOrient } : header;
}

async function open(bytes: Uint8Array, failOn: SharpOptions['failOn']): Promise<Sharp> {
  const sharp = await loadSharp();
  return sharp(bytes, { ...(failOn && { failOn }), limitInputPixels: false, ignoreIcc: true });
}

function isGray({ space }: Metadata): boolean {
  return GRAY.includes(space);
}

async function pixelsOf(bytes: Uint8Array, header: Metadata, failOn: SharpOptions['failOn']): Promise<Image> {
  const { space, depth, format } = header;
  const image = await open(bytes, failOn);
  // as Pillow does, which turns nothing else
  if (format === 'tiff') image.autoOrient();
  if (space === INKS) image.pipelineColourspace(INKS);
  else image.removeAlpha();
  const wide = depth === 'ushort';
  const { data, info } = await image
    .toColourspace(
      isGray(header) ? (wide ? 'grey16' : 'b-w') : wide ? 'rgb16' : space === INKS ? INKS : 'srgb',
    )
    .raw({ depth: wide ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const shape: ImageShape = [isGray(header) ? 1 : 3, info.height, info.width];
  if (space === INKS) fromInks(data);
  const values = wide ? roundedTo8(new Uint16Array(data.buffer, data.byteOffset, data.length / 2)) : data;
  return { pixels: planar(values, shape, info.channels), shape };
}

/** Cyan, magenta, yellow and black to red, green and blue, in place: (1 − ink) · (1 − black), rounded as Pillow does. */
function fromInks(data: Uint8Array): void {
  for (let i = 0; i < data.length; i += 4) {
    const light = 255 - data[i + 3]!;
    for (let c = i; c < i + 3; c++) {
      const product = data[c]! * light + 128;
      data[c] = light - ((product + (product >> 8)) >> 8);
    }
  }
}
