// WebDataset shards: tar archives in which neighbouring members of one name and different extensions form a
// sample, here `name.png` (or .jpg, .ppm, .pgm) with `name.cls`, the class index as text, or `name.json` with a field
// `label`. Members with other extensions are for the writer to give back.
// https://github.com/webdataset/webdataset

import { parseJson } from '../../../bounded-json.ts';
import { SampleError } from '../../../errors.ts';
import { type ByteSource, nameOf } from '../../bytes/byte-stream.ts';
import { damagedArchive, linkedMember, readTar, type TarMember } from '../../bytes/tar.ts';
import type { DecodeImage, Entry, LabelledImage } from '../../entry.ts';
import { IMAGE_EXTENSIONS, maxImageBytes, tooManyBytes } from '../../images/image.ts';

const MAX_CLS_BYTES = 64;
/** Members of a sample that are kept, and their bytes beside those of the image. */
const MAX_MEMBERS = 100;
const MAX_OTHER_BYTES = 2 ** 24;

/**
 * Reads one shard or stream, gzipped or not. Damage of the archive makes one damaged entry for what is lost.
 *
 * @param growing others still write: where the archive is cut off, the rest and the last sample are left for later
 * @returns where to read on then
 */
export async function* readWebDataset(
  file: ByteSource,
  maxPixels: number,
  growing = false,
): AsyncGenerator<Entry, number | undefined> {
  const path = nameOf(file);
  let group: Group | undefined;
  const wanted = (name: string, size: number) => {
    const { key, extension = '' } = splitMember(name) ?? {};
    if (IMAGE_EXTENSIONS.includes(extension)) return size <= maxImageBytes(maxPixels);
    return key !== undefined && size <= MAX_OTHER_BYTES - (key === group?.key ? group.otherBytes : 0);
  };
  for await (const member of readTar(file, wanted)) {
    if (growing && member.kind === 'damage' && member.cut) return group?.start ?? member.start;
    const name = member.kind === 'damage' ? undefined : splitMember(member.name);
    if (member.kind !== 'damage' && name === undefined) continue;
    if (member.kind === 'link') {
      yield linkedMember(path, member);
      continue;
    }
    if (group && (group.key !== name?.key || group.members.has(name.extension))) {
      yield toEntry(group, path, maxPixels);
      group = undefined;
    }
    if (member.kind === 'damage') {
      yield damagedArchive(path, member);
    } else if (name) {
      const { offset, start } = member;
      group ??= { key: name.key, offset, start, members: new Map(), otherBytes: 0, lacks: false };
      add(group, name.extension, member);
    }
  }
  if (group) yield toEntry(group, path, maxPixels);
  return undefined;
}

interface Group {
  readonly key: string;
  readonly offset: number;
  /** Where the member before it ends. */
  readonly start: number;
  /** By extension, in the order of the archive. */
  readonly members: Map<string, TarMember>;
  otherBytes: number;
  /** Whether members had to be left out. */
  lacks: boolean;
}

function add(group: Group, extension: string, member: TarMember): void {
  const isImage = IMAGE_EXTENSIONS.includes(extension);
  if (!isImage) group.otherBytes += member.bytes?.length ?? 0;
  if (group.members.size >= MAX_MEMBERS || (!member.bytes && !isImage)) group.lacks = true;
  if (group.members.size < MAX_MEMBERS) group.members.set(extension, member);
}

/** WebDataset's rule: the key ends at the first dot of the last path component; hidden files have none. */
export function splitMember(name: string): { key: string; extension: string } | undefined {
  const match = /^(?:\.\/)?((?:.*\/)?[^/.]+)\.([^/]+)$/.exec(name);
  return match ? { key: match[1]!, extension: match[2]!.toLowerCase() } : undefined;
}

function toEntry(group: Group, path: string, maxPixels: number): Entry {
  const image = imageOf(group);
  const place = { id: group.key, source: `${path}!${image?.name ?? group.key}`, offset: group.offset };
  const held = group.otherBytes + (image?.bytes?.length ?? 0);
  return { ...place, held, decode: (decodeImage) => decodeGroup(group, maxPixels, decodeImage) };
}

function imageOf({ members }: Group): TarMember | undefined {
  const extension = IMAGE_EXTENSIONS.find((name) => members.has(name));
  return extension === undefined ? undefined : members.get(extension);
}

async function decodeGroup(
  group: Group,
  maxPixels: number,
  decodeImage: DecodeImage,
): Promise<LabelledImage> {
  const { key, members } = group;
  const image = imageOf(group);
  if (!image || !(members.has('cls') || members.has('json'))) {
    const found = [...members.keys()].slice(0, 8).map((extension) => `.${extension}`);
    throw new SampleError(
      `expected ${key}.png (or .jpg, .ppm, .pgm) and ${key}.cls or .json side by side, found only ` +
        `${found.join(' and ')}; repack the shard`,
    );
  }
  const label = labelOf(group);
  if (!image.bytes) throw tooManyBytes(image.size, maxPixels);
  if (group.lacks) {
    throw new SampleError(
      `expected at most ${MAX_MEMBERS} members of ${MAX_OTHER_BYTES} bytes beside the image of ${key}, found more; ` +
        'leave some out',
    );
  }
  const kept = [...members.values()].map(({ name, bytes }) => ({
    name,
    bytes: name === image.name ? undefined : bytes,
  }));
  const origin = { image: image.bytes, rest: { format: 'webdataset' as const, key, members: kept } };
  return { label, ...(await decodeImage(image.bytes, maxPixels)), origin };
}

function labelOf({ key, members }: Group): number {
  const cls = members.get('cls');
  if (!cls) return labelInJson(members.get('json')!);
  const text = cls.size > MAX_CLS_BYTES ? `${cls.size} bytes` : (cls.bytes?.toString('utf8').trim() ?? '');
  if (/^\d+$/.test(text)) return Number(text);
  throw new SampleError(`expected a class index in ${key}.cls, found "${text}"; write it as a number`);
}

function labelInJson({ name, bytes, size }: TarMember): number {
  const label = bytes && labelField(bytes);
  if (label !== undefined) return label;
  const found = bytes ? JSON.stringify(bytes.toString('utf8', 0, 40)) : `${size} bytes`;
  throw new SampleError(`expected a class index as "label" in ${name}, found ${found}; add a .cls member`);
}

/** The class index in a JSON object; undefined where there is none. */
export function labelField(json: Uint8Array): number | undefined {
  try {
    const value = parseJson(Buffer.from(json).toString('utf8'));
    const label = typeof value === 'object' && value !== null && 'label' in value ? value.label : undefined;
    return Number.isSafeInteger(label) && (label as number) >= 0 ? (label as number) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
