// Arrays of NumPy with another header: other types, orders and shapes, or a length that is wrong.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

import { type Mutation, mutate, pick } from '../mutate.ts';

const TYPES = [
  ...[
    '|u1',
    '<u1',
    '>u1',
    '|i1',
    '<i2',
    '>i8',
    '<u8',
    '<f4',
    '<c16',
    '|b1',
    '|O',
    '|V9',
    '<M8[ns]',
    'u1',
    '',
    '=',
  ],
  ...['|S0', '|S1', '|S9999', '|S99999', '<U0', '<U3', '>U3', '<U9999', "'", 'x'.repeat(70)],
];
const SHAPES = [
  ...[
    '()',
    '(,)',
    '(0,)',
    '(1,)',
    '(3,)',
    '(4,)',
    '(4,1)',
    '(4,1,1)',
    '(4,5,4)',
    '(4,5,4,3)',
    '(4,3,5,4)',
    '(4,5,4,2)',
  ],
  ...[
    '(1 1, 5, 4)',
    '( , , )',
    '(,,3)',
    '(-1, 5, 4)',
    '(4.0, 5, 4)',
    '(1e3, 5, 4)',
    '(0, 5, 4)',
    '(4, 0, 4)',
    '4',
  ],
  ...[
    '(99999999999999999999, 5, 4)',
    '(4294967296, 5, 4)',
    '(4, 1048576, 1)',
    '(4, 1, 1048577)',
    '(4, 65536, 65536)',
  ],
  ...[
    '(9007199254740993, 5, 4)',
    `(${'1, '.repeat(60)})`,
    `(${'9'.repeat(250)}, 5, 4)`,
    '(4, 5, 4, 3, 1)',
    '(2, 5, 4, 3)',
  ],
];

export const mutateNpy: Mutation = (bytes, random, other) => {
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + length);
  const data = bytes.subarray(10 + length);
  switch (random.integer(6)) {
    case 0:
      return npy(header, mutate(data, random, other));
    case 1:
      return npy(mutate(Buffer.from(header, 'latin1'), random, other).toString('latin1'), data);
    case 2:
      return Buffer.concat([mutate(bytes.subarray(0, 10), random, other), bytes.subarray(10)]);
    case 3:
      return npy(header.replace(/(?<='descr': )'[^']*'/, `'${pick(TYPES, random)}'`), data);
    case 4:
      return npy(header.replace(/(?<='shape': )\([^)]*\)/, pick(SHAPES, random)), data);
    default:
      return npy(
        pick(
          [
            header.replace('False', 'True'),
            header.replace(/'shape'/, "'shape': (4, 5, 4), 'shape'"),
            "{'descr': ".repeat(900),
            `{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (4,)}`,
          ],
          random,
        ),
        data,
      );
  }
};

/** An array of version 1 with this text as its header. */
export function npy(header: string, data: Uint8Array): Buffer {
  const head = Buffer.from(`\x93NUMPY\x01\x00..${header}`, 'latin1');
  head.writeUInt16LE(Math.min(header.length, 0xffff), 8);
  return Buffer.concat([head, data]);
}
