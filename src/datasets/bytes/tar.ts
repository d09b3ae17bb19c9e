// The files in a tar archive, one after the other, through tar-stream, gunzipped when needed. Only the bytes that
// the caller wants are kept, and a damaged or truncated archive gives every whole file before it reports the
// damage.

import { once } from 'node:events';
import { type Extract, extract } from 'tar-stream';
import { DatasetError, toFailure } from '../../errors.ts';
import { damagedEntry, type Entry } from '../entry.ts';
import { readBytes } from './byte-reader.ts';
import type { ByteSource } from './byte-stream.ts';

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

/** A name for another file, in the archive or elsewhere; never followed. */
export interface TarLink {
  readonly kind: 'link';
  readonly name: string;
  readonly target: string;
  readonly offset: number;
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
 * Reads an archive, gzipped or not; folders and devices are left out.
 *
 * @param wanted of which members to keep the bytes
 * @throws {DatasetError} when the file cannot be read
 */
export async function* readTar(
  file: ByteSource,
  wanted: (name: string, size: number) => boolean,
): AsyncGenerator<TarMember | TarLink | TarDamage> {
  const archive = extract(EXTRACT_OPTIONS);
  const fed = feed(file, archive);
  let offset = 0;
  let start = 0;
  let damage: string | undefined;
  try {
    for await (const entry of archive) {
      const { name, type, size, linkname } = entry.header;
      offset = entry.offset;
      const isFile = type === 'file' || type === 'contiguous-file';
      const bytes = await body(entry, isFile && wanted(name, size));
      if (isFile) yield { kind: 'member', name, offset, start, size, bytes };
      else if (type === 'symlink' || type === 'link') {
        yield { kind: 'link', name, target: linkname ?? '', offset };
      }
      offset += 512 * (1 + Math.ceil(size / 512));
      start = offset;
    }
  } catch (error) {
    damage = toFailure(error).message;
  } finally {
    archive.destroy();
  }
  const end = await fed;
  if (end.failure) throw end.failure;
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

/** The entry that stands for a link in the place of a sample's file. */
export function linkedMember(path: string, { name, target, offset }: TarLink): Entry {
  return damagedEntry(
    { source: `${path}!${name}`, offset },
    `expected a file, found a link to ${target}, which is not followed; write files into the archive ` +
      '(tar --dereference --hard-dereference)',
  );
}

interface End {
  readonly damage?: string;
  /** Why the file could not be read, which says nothing about its bytes. */
  readonly failure?: DatasetError;
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
    if (error instanceof DatasetError) return { marked: false, failure: error };
    return { marked: false, damage: toFailure(error).message };
  }
}

async function body(entry: AsyncIterable<unknown>, keep: boolean): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  for await (const chunk of entry) if (keep) parts.push(chunk as Buffer);
  return keep ? Buffer.concat(parts) : undefined;
}
