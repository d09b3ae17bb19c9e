// JSON with other values, keys and nesting. Values are put in as text, so that they may be what no program would write:
// numbers of hundreds of digits, halves of surrogate pairs, lists in lists beyond any stack, keys that objects have anyway.

import type { RandomStream } from '../../../src/math/random.ts';
import { type Mutation, mutate, pick } from '../mutate.ts';

const nested = (open: string, inner: string, close: string, depth: number) =>
  open.repeat(depth) + inner + close.repeat(depth);

const NUMBERS = [
  ...['0', '-0', '1', '-1', '0.5', '3', '255', '99999', '1e400', '-1e400', '1E2', '1e-400', '2147483648'],
  ...['9007199254740993', '18446744073709551616', '9'.repeat(400), `0.${'3'.repeat(5000)}`],
];
/** `../canary…` lies outside of every source; so does what `link.png` leads to. */
const PATHS = [
  ...[
    '../canary.png',
    'link.png',
    '../canary.bin',
    '../canary.safetensors',
    '../canary.ndjson',
    '.',
    '..',
    '',
  ],
  ...['./link.png', '/etc/passwd', '/proc/self/environ', '/dev/zero', 'x/../../canary.png', 'inside.png/x'],
  ...[
    `${'../'.repeat(40)}etc/passwd`,
    'file:///etc/passwd',
    'C:\\\\windows\\\\x',
    '%2e%2e/canary.png',
    'in\\u0000side',
  ],
];
const TEXTS = [
  ...PATHS,
  ...[
    '\\ud800',
    'a\\udc00b',
    '\\ud83d\\ude00',
    '\\u001b[2J',
    '\\u202e',
    '\\u0000',
    'a\\nb',
    'e\\u0301',
    'NaN',
    'true',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'then',
    'length',
    '0',
    '3',
    '00',
    '-1',
    '1e3',
    'id',
    'epsilon',
    'sample',
  ],
  ...[
    'n0',
    'n1',
    'x'.repeat(300),
    'x'.repeat(5000),
    'v_prediction',
    'squaredcos_cap_v2',
    'F64',
    'F16',
    'BF16',
    'I64',
  ],
].map((text) => `"${text}"`);
const WORDS = [
  'null',
  'true',
  'false',
  '[]',
  '{}',
  'NaN',
  '-Infinity',
  'undefined',
  '',
  ']',
  '}',
  '"',
  '[0',
  '{"a"',
];
const OBJECTS = [
  ...[
    '{"toString":1}',
    '{"toString":null,"valueOf":null}',
    '{"length":3}',
    '{"__proto__":{"x":1}}',
    '{"then":1}',
  ],
  ...['[[],[]]', '[null]', '["a"]', '[3,5,4]', '[0]', '[-1]', '[1e9,1e9,1e9]', '[0,9007199254740991]'],
];
const DEEP = [
  ...[20, 99, 101, 1500, 20_000].flatMap((depth) => [
    nested('[', '', ']', depth),
    nested('{"a":', '1', '}', depth),
    nested('[{"a":', '0', '}]', depth),
  ]),
  ...['['.repeat(20_000), `[${'0,'.repeat(30_000)}0]`, `{${'"a":1,'.repeat(5000)}"b":2}`],
];
const KINDS = [NUMBERS, NUMBERS, TEXTS, TEXTS, PATHS, WORDS, OBJECTS, DEEP];
const KEYS = [
  ...[
    'id',
    'label',
    'image',
    'path',
    'dtype',
    'shape',
    'data_offsets',
    '__metadata__',
    'kind',
    'config',
    'schedule',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'length',
    '',
    'x'.repeat(3000),
    'parts',
    'classes',
    'weight_map',
  ],
];

type Holder = Record<string, unknown>;

interface Slot {
  readonly holder: Holder;
  readonly key: string;
}

/** Changes a text that JSON.parse takes. */
export function mutateJson(text: string, random: RandomStream): string {
  const top: Holder = { top: JSON.parse(text) as unknown };
  const raws: string[] = [];
  // stands for a text of its own in what JSON.stringify writes
  const raw = (written: string) => `@raw${raws.push(written) - 1}@`;
  for (let left = 1 + random.integer(3); left > 0; left--) {
    const slots = slotsOf(top);
    const { holder, key } = pick(slots, random);
    const value = holder[key];
    switch (random.integer(8)) {
      case 0:
        delete holder[key];
        break;
      case 1:
        if (holder !== top) holder[raw(`"${pick(KEYS, random)}"`)] = value;
        break;
      case 2:
        // the same key again
        if (holder !== top && !Array.isArray(holder)) holder[raw(JSON.stringify(key))] = raw(nasty(random));
        break;
      case 3: {
        const from = pick(slots, random);
        holder[key] = structuredClone(from.holder[from.key]);
        break;
      }
      case 4:
        holder[key] = nearly(value, random);
        break;
      default:
        holder[key] = raw(nasty(random));
    }
  }
  return (JSON.stringify(top.top) ?? '').replaceAll(/"@raw(\d+)@"/g, (_, index) => raws[Number(index)]!);
}

function nasty(random: RandomStream): string {
  return pick(pick(KINDS, random), random);
}

/** A value that is nearly the same. */
function nearly(value: unknown, random: RandomStream): unknown {
  if (typeof value === 'number') return pick([value + 1, value - 1, 2 * value, -value, value + 0.5], random);
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value))
    return pick([[...value, ...value], value.slice(1), [value], value.toReversed()], random);
  if (typeof value !== 'string') return [value];
  const at = random.integer(value.length + 1);
  return (
    value.slice(0, at) + pick(['', '\ud800', '/', ' ', '=', '\n', '~', '%'], random) + value.slice(at + 1)
  );
}

/** Every place of a value, the outermost first. */
function slotsOf(top: Holder): Slot[] {
  const slots: Slot[] = [{ holder: top, key: 'top' }];
  for (const { holder, key } of slots) {
    const value = holder[key];
    if (typeof value !== 'object' || value === null) continue;
    for (const inner of Object.keys(value)) slots.push({ holder: value as Holder, key: inner });
  }
  return slots;
}

/** Changes a file that is one JSON value. */
export const mutateJsonFile: Mutation = (bytes, random) => Buffer.from(mutateJson(bytes.toString(), random));

/** Changes lines of JSON, and their order and ends. */
export const mutateLines: Mutation = (bytes, random, other) => {
  const lines = bytes.toString().split('\n').filter(Boolean);
  const at = random.integer(lines.length);
  const changed = random.integer(8) > 0 ? mutateJson(lines[at]!, random) : lines[at]!;
  switch (random.integer(12)) {
    case 0:
      lines.splice(at, 1, changed, changed);
      break;
    case 1:
      lines[at] = `\ufeff ${changed}\r`;
      break;
    case 2:
      lines.splice(at, 2, changed + (lines[at + 1] ?? ''));
      break;
    case 3:
      // a class that stands alone, or names beside numbers
      lines.push(...Array.from({ length: 3 }, (_, i) => changed.replace(/"id":"?\w+/, `$&-${i}`)));
      break;
    case 4:
      lines[at] = mutate(Buffer.from(changed), random, other).toString('latin1');
      break;
    default:
      lines[at] = changed;
  }
  return Buffer.from(lines.join('\n'));
};
