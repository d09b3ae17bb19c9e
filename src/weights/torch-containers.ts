// The two files that torch.save writes. Since 1.6: a zip of stored members, `data.pkl` and one member per
// storage. Before: a magic number, a version, system information, the object and the storage keys as five
// pickles, then each storage behind its length. Either way the tensors stay on disk until they are read.

import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { WeightsError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { PickleRules, PickleValue } from './pickle.ts';
import { readPickle } from './pickle.ts';
import type { TorchStorage } from './torch-objects.ts';
import { torchRules } from './torch-objects.ts';

/** Pickles without tensor data take some hundred bytes per tensor. */
const MAX_PICKLE_BYTES = 2 ** 24;
const MAX_MEMBERS = 100_000;

/** `torch.serialization.MAGIC_NUMBER` and `PROTOCOL_VERSION`. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

/** What was saved, and where its storages are in the file. */
export interface TorchFile {
  readonly value: PickleValue;
  /** Byte offset of a storage in the file. */
  locate(storage: TorchStorage): number;
}

interface Range {
  readonly position: number;
  readonly length: number;
}

/**
 * Opens a zip checkpoint.
 *
 * @param rules what its pickle may name; that of weights when absent
 * @throws {WeightsError} when it is no zip, compressed, not from torch.save, or names a forbidden global
 */
export async function openTorchZip(
  source: ByteSource,
  rules: PickleRules = torchRules(source.name, () => undefined),
): Promise<TorchFile> {
  const members = await listMembers(source);
  const pickle = [...members.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickle === undefined) {
    throw unreadable(source.name, 'a member data.pkl', `${members.size} other members`);
  }
  const root = pickle.slice(0, -'data.pkl'.length);
  const byteOrder = members.get(`${root}byteorder`);
  if (byteOrder) {
    const order = Buffer.from(await readMember(source, byteOrder)).toString();
    if (order !== 'little') throw unreadable(source.name, 'little-endian data', order.slice(0, 10));
  }
  const bytes = await readMember(source, members.get(pickle)!);
  const { value } = readPickle(bytes, 0, rules);
  return {
    value,
    locate: ({ key, size, count }) => {
      const member = members.get(`${root}data/${key}`);
      const expected = count * size;
      if (member?.length === expected) return member.position;
      throw unreadable(
        source.name,
        `${expected} bytes in data/${key}`,
        `${member?.length ?? 'no such member'}`,
      );
    },
  };
}

/**
 * Opens a checkpoint in the format before torch 1.6.
 *
 * @throws {WeightsError} when it is another pickle, damaged, or names a forbidden global
 */
export async function openTorchLegacy(source: ByteSource): Promise<TorchFile> {
  const head = await source.read(0, Math.min(source.size, MAX_PICKLE_BYTES));
  const storages = new Map<string, TorchStorage>();
  const rules = torchRules(source.name, (storage) => storages.set(storage.key, storage));
  let position = 0;
  const next = () => {
    const { value, end } = readPickle(head, position, rules);
    position = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) throw unreadable(source.name, "PyTorch's magic number", 'another pickle');
  const version = next();
  if (version !== LEGACY_VERSION) {
    throw unreadable(
      source.name,
      `format version ${LEGACY_VERSION}`,
      typeof version === 'number' ? `${version}` : 'none',
    );
  }
  const system = next();
  if (!(system instanceof Map) || system.get('little_endian') !== true) {
    throw unreadable(source.name, 'little-endian data', 'another byte order');
  }
  const value = next();
  const positions = await locateLegacy(source, next(), storages, position);
  return {
    value,
    locate: ({ key }) => {
      const found = positions.get(key);
      if (found !== undefined) return found;
      throw unreadable(source.name, `data of storage ${key}`, 'none');
    },
  };
}

/** Walks over the storages: eight bytes with the element count before each. */
async function locateLegacy(
  source: ByteSource,
  keys: PickleValue,
  storages: ReadonlyMap<string, TorchStorage>,
  start: number,
): Promise<ReadonlyMap<string, number>> {
  if (!Array.isArray(keys)) throw unreadable(source.name, 'a list of storages', 'something else');
  const positions = new Map<string, number>();
  let position = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage) throw unreadable(source.name, 'storages that tensors use', 'another key');
    const count = Number(Buffer.from(await source.read(position, 8)).readBigInt64LE());
    if (count !== storage.count) {
      throw unreadable(source.name, `${storage.count} elements in storage ${storage.key}`, `${count}`);
    }
    positions.set(storage.key, position + 8);
    position += 8 + count * storage.size;
  }
  return positions;
}

/** Where each stored member lies. torch.save never compresses; a compressed one could grow without limit. */
async function listMembers(source: ByteSource): Promise<ReadonlyMap<string, Range>> {
  const path = source.name;
  const members = new Map<string, Range>();
  try {
    const zip = await fromRandomAccessReaderPromise(new CheckedReader(source), source.size, {
      autoClose: false,
    });
    if (zip.entryCount > MAX_MEMBERS) {
      throw unreadable(path, `at most ${MAX_MEMBERS} members`, `${zip.entryCount}`);
    }
    for await (const entry of zip.eachEntry()) {
      if (entry.compressionMethod !== 0 || entry.isEncrypted()) {
        throw unreadable(path, `${entry.fileName} stored as it is`, 'it compressed or encrypted');
      }
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      members.set(entry.fileName, { position: fileDataStart, length: entry.uncompressedSize });
    }
  } catch (cause) {
    if (cause instanceof WeightsError) throw cause;
    throw unreadable(path, 'a whole zip archive', (cause as Error).message);
  }
  return members;
}

/** yauzl's own file reader lets offsets beyond the file's end throw where nobody can catch them. */
class CheckedReader extends RandomAccessReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#source.read(position, length).then((bytes) => {
      buffer.set(bytes, offset);
      callback(null);
    }, callback);
  }
}

function readMember(source: ByteSource, { position, length }: Range): Promise<Uint8Array> {
  if (length <= MAX_PICKLE_BYTES) return source.read(position, length);
  throw unreadable(source.name, `at most ${MAX_PICKLE_BYTES} bytes of pickle`, `${length}`);
}

function unreadable(path: string, expected: string, found: string): WeightsError {
  return new WeightsError(
    `expected ${expected} in the PyTorch checkpoint ${path}, found ${found}; ` +
      'fetch the file again, or save its state_dict again with torch.save or as safetensors',
  );
}
