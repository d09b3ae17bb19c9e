// WebDataset shards: tar archives in which neighbouring members of one name and different extensions form a
// sample, here `name.png` and `name.cls`, the class index as text. Members with other extensions are passed over.
// https://github.com/webdataset/webdataset

import { SampleError } from '../errors.ts';
import { damagedEntry, type Entry, type LabelledImage } from './entry.ts';
import { decodePng, maxPngBytes } from './png.ts';
import { readTar, type TarMember } from './tar.ts';

const MAX_CLS_BYTES = 64;
// enough to say what was found instead of a PNG
const MAX_OTHERS = 8;

/** Reads one shard, gzipped or not. Damage of the archive makes one damaged entry for what is lost. */
export async function* readWebDataset(path: string, maxPixels: number): AsyncGenerator<Entry> {
  let group: Group | undefined;
  for await (const member of readTar(path, (name, size) => size <= maxBytesOf(name, maxPixels))) {
    const name = member.kind === 'member' ? split(member.name) : undefined;
    if (member.kind === 'member' && name === undefined) continue;
    if (group && (group.key !== name?.key || group.members.has(name.extension))) {
      yield toEntry(group, path, maxPixels);
      group = undefined;
    }
    if (member.kind === 'damage') {
      const reason = `expected a whole tar archive, found: ${member.reason}; what follows is lost, fetch it again`;
      yield damagedEntry({ source: path, offset: member.offset }, reason);
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
  if (extension === 'png') return maxPngBytes(maxPixels);
  return extension === 'cls' ? MAX_CLS_BYTES : -1;
}

function toEntry(group: Group, path: string, maxPixels: number): Entry {
  const name = group.members.get('png')?.name ?? group.key;
  const place = { id: group.key, source: `${path}!${name}`, offset: group.offset };
  return { ...place, decode: () => decodeGroup(group, maxPixels) };
}

function decodeGroup({ key, members }: Group, maxPixels: number): LabelledImage {
  const png = members.get('png');
  const cls = members.get('cls');
  if (!png || !cls) {
    const found = [...members.keys()].map((extension) => `.${extension}`).join(' and ');
    throw new SampleError(
      `expected ${key}.png and ${key}.cls side by side, found only ${found}; repack the shard`,
    );
  }
  if (!png.bytes) {
    throw new SampleError(
      `expected a PNG of at most ${maxPixels} pixels, found ${png.size} bytes; raise dataset.maxPixels`,
    );
  }
  const text = cls.bytes?.toString('utf8').trim() ?? `${cls.size} bytes`;
  if (!/^\d+$/.test(text)) {
    throw new SampleError(`expected a class index in ${key}.cls, found "${text}"; write it as a number`);
  }
  return { label: Number(text), ...decodePng(png.bytes, maxPixels) };
}
