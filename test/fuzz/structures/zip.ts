// Zip archives with other members and other entries in their directory. What is changed inside of a member leaves with the
// right sizes and checksum, so that it is read; entries of the directory may say anything.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { RandomStream } from '../../../src/math/random.ts';
import { type Mutation, mutate, pick } from '../mutate.ts';

interface Member {
  name: Buffer;
  method: number;
  flags: number;
  /** Decompressed. */
  data: Buffer;
  /** What the directory says in place of what is. */
  says: { crc?: number; packed?: number; size?: number; offset?: number };
}

const DEFLATED = 8;
const NAMES = [
  ...[
    'images.npy',
    'labels.npy',
    'ids.npy',
    'arr_0.npy',
    'archive/data.pkl',
    'data.pkl',
    'archive/data/0',
    'byteorder',
  ],
  ...[
    '../canary.npy',
    '/etc/passwd',
    '__proto__.npy',
    '.npy',
    '',
    'x'.repeat(2000),
    'archive/byteorder',
    'a\\b.npy',
  ],
];
const NUMBERS = [0, 1, 32, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff];

/** @param inner changes what is in a member of that name; bytes are changed blindly where it knows none */
export function zipMutation(inner: (name: string) => Mutation | undefined): Mutation {
  return (bytes, random, other) => {
    const members = membersOf(bytes);
    for (let left = 1 + random.integer(2); left > 0; left--) {
      const at = random.integer(members.length);
      const member = members[at];
      if (!member) break;
      if (random.integer(3) > 0) {
        const change = inner(member.name.toString()) ?? mutate;
        member.data = change(Buffer.from(member.data), random, other);
      } else mutateEntry(members, at, random);
    }
    return zipped(members, random);
  };
}

function mutateEntry(members: Member[], at: number, random: RandomStream): void {
  const member = members[at]!;
  switch (random.integer(8)) {
    case 0:
      members.splice(at, 1);
      break;
    case 1:
      members.splice(at, 0, ...Array.from({ length: pick([1, 2, 300], random) }, () => member));
      break;
    case 2:
      member.name = Buffer.from(pick(NAMES, random));
      break;
    case 3:
      member.method = pick([0, DEFLATED, 9, 12, 93, 99], random);
      break;
    case 4:
      member.flags = pick([1, 8, 0x40, 0x800, 0xffff], random);
      break;
    case 5:
      member.data = pick(members, random).data;
      break;
    default:
      member.says = {
        ...member.says,
        [pick(['crc', 'packed', 'size', 'offset'], random)]: pick(NUMBERS, random),
      };
  }
}

/** Of archives as this project's libraries write them, with all entries at their end. */
function membersOf(bytes: Buffer): Member[] {
  const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  return Array.from({ length: count }, () => {
    const [method, packed] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20)];
    const [nameBytes, more] = [
      bytes.readUInt16LE(at + 28),
      bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32),
    ];
    const name = bytes.subarray(at + 46, at + 46 + nameBytes);
    const local = bytes.readUInt32LE(at + 42);
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const stored = bytes.subarray(from, from + packed);
    at += 46 + nameBytes + more;
    return { name, method, flags: 0, data: method === DEFLATED ? inflateRawSync(stored) : stored, says: {} };
  });
}

function zipped(members: readonly Member[], random: RandomStream): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let position = 0;
  for (const { name, method, flags, data, says } of members) {
    const packed = method === DEFLATED ? deflateRawSync(data) : data;
    const sizes = { crc: crc32(data), packed: packed.length, size: data.length, ...says };
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(flags, 2);
    head.writeUInt16LE(method, 4);
    head.writeUInt32LE(0x00210000, 6);
    head.writeUInt32LE(sizes.crc, 10);
    head.writeUInt32LE(sizes.packed, 14);
    head.writeUInt32LE(sizes.size, 18);
    head.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(sizes.offset ?? position, 10);
    entries.push(Buffer.from('PK\x01\x02\x14\0', 'latin1'), head, rest, name);
    locals.push(Buffer.from('PK\x03\x04'), head, name, packed);
    position += 30 + name.length + packed.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(position, 12);
  // now and then an end that lies
  if (random.integer(16) === 0) end.writeUInt16LE(pick([0, 1, 5000, 0xffff], random), 6);
  if (random.integer(16) === 0) end.writeUInt32LE(pick(NUMBERS, random), pick([8, 12], random));
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
