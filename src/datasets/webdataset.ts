// WebDataset shards: tar archives in which neighbouring members of one name and different extensions form a
// sample, here `name.png` (or .jpg, .ppm, .pgm) and `name.cls`, the class index as text. Members with other extensions
// are passed over.
// https://github.com/webdataset/webdataset

import { SampleError } from '../errors.ts';
import { type ByteSource, nameOf } from './byte-stream.ts';
import type { Entry, LabelledImage } from './entry.ts';
import { decodeImage, IMAGE_EXTENSIONS, maxImageBytes, tooManyBytes } from './image.ts';
import { damagedArchive, readTar, type TarMember } from './tar.ts';

const MAX_CLS_BYTES = 64;
// enough to say what was found instead of an image
const MAX_OTHERS = 8;

/** Reads one shard or stream, gzipped or not. Damage of the archive makes one damaged entry for what is lost. */
export async function* readWebDataset(file: ByteSource, maxPixels: number): AsyncGenerator<Entry> {
  const path = nameOf(file);
  let group: Group | undefined;
  for await (const member of readTar(file, (name, size) => size <= maxBytesOf(name, maxPixels))) {
    const name = member.kind === 'member' ? split(member.name) : undefined;
    if (member.kind === 'member' && name === undefined) continue;
    if (group && (group.key !== name?.key || group.members.has(name.extension))) {
      yield toEntry(group, path, maxPixels);
      group = undefined;
    }
    if (member.kind === 'damage') {
      yield damagedArchive(path, member);
    } else if (name) {
      group ??= { key: name.key, offset: member.offset, members: new Map() };
      if (group.members.size < MAX_OTHERS || maxBytesOf(member.name, maxPixels) >= 0) {
        group.members.set(name.extension, member);
      }
    }
  }
  if (group) yield toEntry(group, path, maxPixels);
}

interface Group {
  readonly key: string;
  readonly offset: number;
  readonly members: Map<string, TarMember>;
}

/** WebDataset's rule: the key ends at the first dot of the last path component; hidden files have none. */
function split(name: string): { key: string; extension: string } | undefined {
  const match = /^(?:\.\/)?((?:.*\/)?[^/.]+)\.([^/]+)$/.exec(name);
  return match ? { key: match[1]!, extension: match[2]!.toLowerCase() } : undefined;
}

/** Up to which size a member is read; −1 for those that are not. */
function maxBytesOf(name: string, maxPixels: number): number {
  const extension = split(name)?.extension;
  if (extension === 'cls') return MAX_CLS_BYTES;
  return extension !== undefined && IMAGE_EXTENSIONS.includes(extension) ? maxImageBytes(maxPixels) : -1;
}

function toEntry(group: Group, path: string, maxPixels: number): Entry {
  const name = imageOf(group)?.name ?? group.key;
  const place = { id: group.key, source: `${path}!${name}`, offset: group.offset };
  return { ...place, decode: () => decodeGroup(group, maxPixels) };
}

function imageOf({ members }: Group): TarMember | undefined {
  const extension = IMAGE_EXTENSIONS.find((name) => members.has(name));
  return extension === undefined ? undefined : members.get(extension);
}

async function decodeGroup(group: Group, maxPixels: number): Promise<LabelledImage> {
  const { key, members } = group;
  const image = imageOf(group);
  const cls = members.get('cls');
  if (!image || !cls) {
    const found = [...members.keys()].map((extension) => `.${extension}`).join(' and ');
    throw new SampleError(
      `expected ${key}.png (or .jpg, .ppm, .pgm) and ${key}.cls side by side, found only ${found}; repack the shard`,
    );
  }
  if (!image.bytes) throw tooManyBytes(image.size, maxPixels);
  const text = cls.bytes?.toString('utf8').trim() ?? `${cls.size} bytes`;
  if (!/^\d+$/.test(text)) {
    throw new SampleError(`expected a class index in ${key}.cls, found "${text}"; write it as a number`);
  }
  return { label: Number(text), ...(await decodeImage(image.bytes, maxPixels)) };
}
