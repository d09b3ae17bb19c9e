// The files in a tar archive, one after the other, through tar-stream, gunzipped when needed. Only the bytes that
// the caller wants are kept, and a damaged or truncated archive gives every whole file before it reports the
// damage.

import { once } from 'node:events';
import { type Extract, extract } from 'tar-stream';
import { toFailure } from '../errors.ts';
import { readBytes } from './byte-reader.ts';
import type { ByteSource } from './byte-stream.ts';
import { damagedEntry, type Entry } from './entry.ts';

/** A file in an archive. */
export interface TarMember {
  readonly kind: 'member';
  readonly name: string;
  /** Where its header begins in the (decompressed) archive. */
  readonly offset: number;
  /** Where the member before it ends, at this header or at those that extend it. */
  readonly start: number;
  readonly size: number;
  /** Its contents, when the caller wanted them. */
  readonly bytes: Buffer | undefined;
}

/** The archive cannot be read from here on, or ends without saying so. */
export interface TarDamage {
  readonly kind: 'damage';
  /** Where the last whole member ends, or the header of one that is not whole begins. */
  readonly offset: number;
  /** Where the last whole member ends. */
  readonly start: number;
  readonly reason: string;
  /** Whether it merely ends too early, as one does that is still being written. */
  readonly cut: boolean;
}

/** What tar-stream says of an archive that ends within a member. */
const CUT = 'Unexpected end of data';

// old archives lack the magic of POSIX tar; the type of the options does not know this one
const EXTRACT_OPTIONS: object = { allowUnknownFormat: true };

/**
 * Reads an archive, gzipped or not; folders and links are left out.
 *
 * @param wanted of which members to keep the bytes
 */
export async function* readTar(
  file: ByteSource,
  wanted: (name: string, size: number) => boolean,
): AsyncGenerator<TarMember | TarDamage> {
  const archive = extract(EXTRACT_OPTIONS);
  const fed = feed(file, archive);
  let offset = 0;
  let start = 0;
  let damage: string | undefined;
  try {
    for await (const entry of archive) {
      const { name, type, size } = entry.header;
      offset = entry.offset;
      const isFile = type === 'file' || type === 'contiguous-file';
      const bytes = await body(entry, isFile && wanted(name, size));
      if (isFile) yield { kind: 'member', name, offset, start, size, bytes };
      offset += 512 * (1 + Math.ceil(size / 512));
      start = offset;
    }
  } catch (error) {
    damage = toFailure(error).message;
  } finally {
    archive.destroy();
  }
  const end = await fed;
  const cut = end.damage === undefined && (damage === CUT || (damage === undefined && !end.marked));
  damage = end.damage ?? damage ?? (end.marked ? undefined : 'its end-of-archive mark is missing');
  if (damage !== undefined) yield { kind: 'damage', offset, start, reason: damage, cut };
}

/** The entry that stands for what damage of an archive took. */
export function damagedArchive(path: string, { offset, reason }: TarDamage): Entry {
  return damagedEntry(
    { source: path, offset },
    `expected a whole tar archive, found: ${reason}; what follows is lost, fetch it again`,
  );
}

interface End {
  readonly damage?: string;
  /** Whether the two empty blocks that end an archive were seen. */
  readonly marked: boolean;
}

/** Pushes the file through the extractor, no faster than members are taken; resolves at its end and never rejects. */
async function feed(file: ByteSource, archive: Extract): Promise<End> {
  let tail = Buffer.alloc(0);
  // an error of the archive reaches the caller through its iterator; here it only ends the waiting
  const closed = new Promise<void>((resolve) => archive.once('close', resolve));
  archive.on('error', () => archive.destroy());
  try {
    for await (const chunk of readBytes(file)) {
      tail = Buffer.concat([tail, chunk.subarray(-1024)]).subarray(-1024);
      if (archive.destroyed) break;
      if (!archive.write(chunk)) await Promise.race([once(archive, 'drain').catch(() => closed), closed]);
    }
    archive.end(undefined);
    return { marked: tail.length === 1024 && tail.every((byte) => byte === 0) };
  } catch (error) {
    archive.end(undefined);
    return { marked: false, damage: toFailure(error).message };
  }
}

async function body(entry: AsyncIterable<unknown>, keep: boolean): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  for await (const chunk of entry) if (keep) parts.push(chunk as Buffer);
  return keep ? Buffer.concat(parts) : undefined;
}
