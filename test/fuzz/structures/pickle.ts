// Pickles as programs: instructions are left out, repeated, moved, or taken from a list of such as somebody would write who
// means no good, or wants to know what a reader does with them. https://github.com/python/cpython/blob/main/Lib/pickletools.py

import type { RandomStream } from '../../../src/math/random.ts';
import { type Mutation, mutate, pick } from '../mutate.ts';
import { Cursor } from './varint.ts';

/** Bytes of the argument; the rest have none. */
const FIXED: Readonly<Record<number, number>> = {
  ...{ 128: 1, 149: 8, 74: 4, 75: 1, 77: 2, 71: 8 },
  ...{ 104: 1, 106: 4, 113: 1, 114: 4, 129: 0 },
};
/** Bytes of the length before the argument. */
const PREFIXED: Readonly<Record<number, number>> = {
  ...{ 138: 1, 88: 4, 140: 1, 84: 4, 85: 1, 66: 4, 67: 1 },
};
const [GLOBAL, STOP, PROTO] = [0x63, 0x2e, 0x80];

const globalOf = (module: string, name: string) => `c${module}\n${name}\n`;
const text = (value: string) => `\x8c${String.fromCharCode(value.length)}${value}`;
const GLOBALS = [
  ...['OrderedDict', 'Counter', 'deque', 'defaultdict'].map((name) => globalOf('collections', name)),
  ...['_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter', '_rebuild_sparse_tensor'].map((name) =>
    globalOf('torch._utils', name),
  ),
  ...[
    'FloatStorage',
    'HalfStorage',
    'BFloat16Storage',
    'ComplexFloatStorage',
    'Size',
    'float32',
    'Tensor',
  ].map((name) => globalOf('torch', name)),
  ...[globalOf('torch._tensor', '_rebuild_from_type_v2'), globalOf('torch.storage', 'UntypedStorage')],
  ...[globalOf('numpy', 'dtype'), globalOf('numpy', 'ndarray'), globalOf('_codecs', 'encode')],
  ...['scalar', '_reconstruct'].map((name) => globalOf('numpy.core.multiarray', name)),
  ...[
    globalOf('posix', 'system'),
    globalOf('builtins', 'eval'),
    globalOf('', ''),
    globalOf('x'.repeat(5000), 'y'),
  ],
];
/** A list of the list before, and again: a few bytes that are 2²⁴ ends. */
const LAUGHS = `]${'q\x07(h\x07h\x07l'.repeat(24)}`;
const DTYPE = `${globalOf('numpy', 'dtype')}(${text('f8')}tR(K\x03${text('<')}NNNtb`;
const PIECES: readonly string[] = [
  // nothing but instructions: marks, stack, containers, sets, memo, calls
  ...[...'(0N]})lt', ...'as', ...'eu', ...'Rb', ...'Q.'],
  ...[
    '1',
    '\x85',
    '\x86',
    '\x87',
    '\x81',
    '\x88',
    '\x89',
    '\x8f',
    '\x90',
    '\x93',
    '\x94',
    '\x92',
    'I1\n',
    'F1\n',
    'S"a"\n',
    'L1L\n',
  ],
  ...['h\x00', 'h\x07', 'j\x00\x00\x00\x00', 'q\x00', 'q\x07', 'r\xff\xff\xff\xff'],
  // numbers and texts
  ...[
    'J\xff\xff\xff\xff',
    'J\x00\x00\x00\x80',
    'K\x00',
    'K\xff',
    `\x8a\xff${'\xff'.repeat(255)}`,
    '\x8a\x08\0\0\0\0\0\0\0\x40',
  ],
  ...[
    'G\x7f\xf8\0\0\0\0\0\0',
    'G\xff\xf0\0\0\0\0\0\0',
    'X\xff\xff\xff\xff',
    'B\0\0\0\x80',
    'B\x04\0\0\0abcd',
    'C\x00',
  ],
  ...['ema', 'state_dict', 'model', 'w', 'f8', 'i8', '<', '__proto__', 'num_classes', 'data_dict'].map(text),
  ...GLOBALS,
  // depth and width
  ...[
    ']'.repeat(5000) + 'a'.repeat(4999),
    `${'('.repeat(3000)}${'t'.repeat(3000)}`,
    '}'.repeat(2000),
    LAUGHS,
  ],
  // calls of numbers' types with what is no type
  `${globalOf('numpy', 'dtype')}(${LAUGHS}tR`,
  `${globalOf('numpy', 'dtype')}(${']'.repeat(9000)}${'a'.repeat(8999)}tR`,
  `${globalOf('numpy.core.multiarray', 'scalar')}(${DTYPE}B\x08\0\0\0\0\0\0\0\0\0\xf0\x3ftR`,
  `${globalOf('numpy.core.multiarray', '_reconstruct')}(${globalOf('numpy', 'ndarray')}K\0\x85C\x01btR(K\x01K\x02\x85${DTYPE}\x89C\x10${'\0'.repeat(16)}tb`,
  // a dictionary that holds itself where weights are looked for
  `}q\x07${['ema', 'model', 'net', 'state_dict'].map((key) => `${text(key)}h\x07s`).join('')}`,
  `${globalOf('torch', 'Size')}((K\x04K\x04ttR`,
];

export const mutatePickle: Mutation = (bytes, random, other) => {
  const { steps, rest } = stepsOf(bytes);
  for (let left = 1 + random.integer(4); left > 0 && steps.length > 0; left--) {
    const at = random.integer(steps.length);
    switch (random.integer(8)) {
      case 0:
        steps.splice(at, 1 + random.integer(3));
        break;
      case 1:
        steps.splice(at, 0, ...steps.slice(random.integer(steps.length)).slice(0, 1 + random.integer(20)));
        break;
      case 2:
        steps[at] = pick(steps, random);
        break;
      case 3:
        steps[at] = argued(steps[at]!, random, other);
        break;
      case 4:
        steps[at] = piece(random);
        break;
      default:
        steps.splice(at, 0, piece(random));
    }
  }
  return Buffer.concat([...steps, rest]);
};

function piece(random: RandomStream): Buffer {
  return Buffer.from(pick(PIECES, random), 'latin1');
}

/** The same instruction with another argument. */
function argued(step: Buffer, random: RandomStream, other: Buffer): Buffer {
  return Buffer.concat([step.subarray(0, 1), mutate(step.subarray(1), random, other)]);
}

/** The instructions of pickles one after the other, and what comes after them. */
function stepsOf(bytes: Buffer): { steps: Buffer[]; rest: Buffer } {
  const cursor = new Cursor(bytes);
  const steps: Buffer[] = [];
  let wholeAt = 0;
  let wholeSteps = 0;
  try {
    while (cursor.at < bytes.length) {
      const from = cursor.at;
      const code = cursor.byte();
      if (from === wholeAt && code !== PROTO) break;
      if (PREFIXED[code]) cursor.take(cursor.take(PREFIXED[code]).readUIntLE(0, PREFIXED[code]));
      else if (code === GLOBAL) cursor.at = 1 + bytes.indexOf(0x0a, 1 + bytes.indexOf(0x0a, from));
      else cursor.take(FIXED[code] ?? 0);
      steps.push(bytes.subarray(from, cursor.at));
      if (code !== STOP) continue;
      wholeAt = cursor.at;
      wholeSteps = steps.length;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return { steps: steps.slice(0, wholeSteps), rest: bytes.subarray(wholeAt) };
}
