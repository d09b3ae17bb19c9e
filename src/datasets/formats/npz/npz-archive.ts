// A numpy archive (.npz) as arrays that are read as streams: yauzl reads the directory of the zip, the bytes of a
// member come chunk by chunk and are compared with its checksum at their end. Nothing that a header claims is
// allocated. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import type { FileHandle } from 'node:fs/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { DataElixirError, DatasetError, SampleError } from '../../../errors.ts';
import { patience } from '../../../files/patience.ts';
import { ByteReader, chunksOf, decompress, openSource } from '../../bytes/byte-reader.ts';

const MAX_MEMBERS = 1000;
/** The limit of numpy. */
const MAX_HEADER_BYTES = 10_000;
const STORED = 0;
const DEFLATED = 8;
/** Each by itself: one pattern for all three takes hours where each occurs a thousand times. */
const TYPE = /'descr': {0,8}'([^']{0,64})'/;
const ORDER = /'fortran_order': {0,8}(True|False)/;
const SHAPE = /'shape': {0,8}\(([\d, ]{0,256})\)/;

/** One array, its elements in C order. */
export interface NpyArray {
  /** As numpy writes it: `|u1`, `<i8`, `|S12`. */
  readonly type: string;
  readonly shape: readonly number[];
  /** Stands at the first element. */
  readonly bytes: ByteReader;
}

export interface NpzArchive {
  readonly names: ReadonlySet<string>;
  /** Begins to read an array. @throws {DatasetError} when there is none of that name, or none that can be read */
  array(name: string): Promise<NpyArray>;
  close(): Promise<void>;
}

/** @throws {DatasetError} when it is no zip, or cannot be read */
export async function openNpz(path: string): Promise<NpzArchive> {
  const file = await openSource(path);
  const members = await listMembers(file, path).catch(async (error: Error) => {
    await file.close();
    if (error instanceof DataElixirError) throw error;
    throw unreadable(path, 'a whole zip archive of arrays', error.message);
  });
  const readers: ByteReader[] = [];
  return {
    names: new Set(members.keys()),
    array: async (name) => {
      const member = members.get(name);
      if (!member) throw unreadable(path, `an array "${name}"`, [...members.keys()].join(', ') || 'none');
      const bytes = new ByteReader(bytesOf(file, path, member));
      readers.push(bytes);
      return { ...(await readHeader(bytes, `${path}!${name}.npy`)), bytes };
    },
    close: async () => {
      for (const reader of readers) await reader.close();
      await file.close();
    },
  };
}

interface Member {
  readonly start: number;
  readonly end: number;
  readonly deflated: boolean;
  readonly checksum: number;
}

/** By name, without `.npy`. */
async function listMembers(file: FileHandle, path: string): Promise<Map<string, Member>> {
  const { size } = await file.stat();
  const zip = await fromRandomAccessReaderPromise(new FileReader(file, path), size, { autoClose: false });
  if (zip.entryCount > MAX_MEMBERS) throw new Error(`${zip.entryCount} members`);
  const members = new Map<string, Member>();
  for await (const entry of zip.eachEntry()) {
    const { fileName, compressionMethod: method, compressedSize } = entry;
    if (!fileName.endsWith('.npy')) continue;
    if (entry.isEncrypted() || (method !== STORED && method !== DEFLATED)) {
      throw new Error(`${fileName} encrypted or compressed by method ${method}`);
    }
    const { fileDataStart: start } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    members.set(fileName.slice(0, -'.npy'.length), {
      start,
      end: start + compressedSize,
      deflated: method === DEFLATED,
      checksum: entry.crc32,
    });
  }
  return members;
}

/** yauzl's own file reader lets offsets beyond the file's end throw where nobody can catch them. */
class FileReader extends RandomAccessReader {
  readonly #file: FileHandle;
  readonly #path: string;

  constructor(file: FileHandle, path: string) {
    super();
    this.#file = file;
    this.#path = path;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    patience
      .read(this.#path, () => this.#file.read(buffer, offset, length, position))
      .then(
        ({ bytesRead }) => callback(bytesRead < length ? new Error('the end of the file') : null),
        callback,
      );
  }
}

async function* bytesOf(
  file: FileHandle,
  path: string,
  member: Member,
): AsyncGenerator<Buffer, void, undefined> {
  const stored = chunksOf(file, path, member.start, member.end);
  let checksum = 0;
  for await (const chunk of member.deflated ? decompress(stored, createInflateRaw()) : stored) {
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (checksum !== member.checksum) {
    throw new SampleError('expected the bytes of the checksum, found others; fetch the file again');
  }
}

async function readHeader(bytes: ByteReader, name: string): Promise<Omit<NpyArray, 'bytes'>> {
  const start = await bytes.take(8);
  if (start.toString('latin1', 0, 6) !== '\x93NUMPY') {
    throw unreadable(name, 'an array that begins with 93 NUMPY', start.toString('hex') || 'nothing');
  }
  const lengthBytes = start[6] === 1 ? 2 : 4;
  const prefix = await bytes.take(lengthBytes);
  const length = prefix.length === lengthBytes ? prefix.readUIntLE(0, lengthBytes) : 0;
  if (length > MAX_HEADER_BYTES) throw unreadable(name, `a header of ${MAX_HEADER_BYTES} bytes`, `${length}`);
  const text = (await bytes.take(length)).toString('latin1').trim();
  const [type, order, extents] = [TYPE, ORDER, SHAPE].map((pattern) => pattern.exec(text)?.[1]);
  if (type === undefined || order === undefined || extents === undefined) {
    throw unreadable(name, 'an array of numbers or text', JSON.stringify(text.slice(0, 60)));
  }
  if (order === 'True') {
    throw unreadable(name, 'elements in C order', 'Fortran order, which numpy.ascontiguousarray changes');
  }
  const shape = extents.split(',').filter((part) => part.trim() !== '');
  return { type, shape: shape.map(Number) };
}

function unreadable(name: string, expected: string, found: string): DatasetError {
  return new DatasetError(`expected ${expected} in ${name}, found: ${found}; save it with numpy.savez again`);
}
