// Safetensors with another header over the same data, whose length mostly is right.

import { type Mutation, mutate, pick } from '../mutate.ts';
import { mutateJson } from './json.ts';

const LENGTHS = [0n, 1n, 8n, 100_000_001n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

export const mutateSafetensors: Mutation = (bytes, random, other) => {
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = Buffer.from(mutateJson(bytes.toString('utf8', 8, end), random));
  const data = bytes.subarray(end);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(random.integer(16) ? BigInt(header.length) : pick(LENGTHS, random));
  return Buffer.concat([length, header, random.integer(8) ? data : mutate(data, random, other)]);
};
