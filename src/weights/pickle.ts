// A pickle reader that cannot execute anything. Python's pickles are programs: GLOBAL names any function and
// REDUCE calls it. Here only plain data is built, globals go to the caller's short list, and everything else
// is refused by name. Opcodes as in CPython's pickletools, protocols 2 to 4.

import { WeightsError } from '../errors.ts';

/** A global of the caller's list: `call` builds its value from REDUCE's arguments; without it, it is only a name. */
export class PickleGlobal {
  readonly name: string;
  readonly call: ((args: readonly PickleValue[]) => PickleValue) | undefined;

  constructor(name: string, call?: (args: readonly PickleValue[]) => PickleValue) {
    this.name = name;
    this.call = call;
  }
}

/** Something the caller made: a tensor, a storage. */
export abstract class PickleObject {
  abstract readonly kind: string;

  /** Takes in what BUILD sets; dropped where a kind of object has no use for it. */
  setState(_state: PickleValue): void {
    return;
  }
}

/** Lists and tuples are arrays, dictionaries are maps, integers beyond 2⁵³ are bigints. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleGlobal
  | PickleObject;

/** What the caller allows. */
export interface PickleRules {
  /** File name for errors. */
  readonly source: string;
  /** The global's stand-in, or undefined to refuse it. */
  global(name: string): PickleGlobal | undefined;
  /** The object behind a persistent id. */
  persistent(id: PickleValue): PickleValue;
}

/**
 * Reads one pickle.
 *
 * @param bytes memory that holds the pickle; the rest is left alone
 * @param start where it begins
 * @returns the value and where the pickle ends
 * @throws {WeightsError} for a global or opcode that is not allowed, and for damaged data
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new PickleMachine(bytes, start, rules);
  const value = machine.run();
  return { value, end: machine.position };
}

type Step = (m: PickleMachine) => void;

/**
 * Lists, dictionaries, texts, calls and memos of a pickle: one byte can make one of them, which takes hundreds. A
 * checkpoint of ten thousand tensors has 300,000, the results of an attack on a hundred thousand images have 800,000.
 */
const MOST_OBJECTS = 2 ** 21;
/** Characters that count as one of them when a call may copy them. */
const TEXT_AN_OBJECT = 64;

/** Marks the start of a variable number of arguments on the stack. */
const MARK = Symbol('mark');

class PickleMachine {
  position: number;
  readonly rules: PickleRules;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #stack: (PickleValue | typeof MARK)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #objects = 0;

  constructor(bytes: Uint8Array, start: number, rules: PickleRules) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.rules = rules;
  }

  run(): PickleValue {
    for (;;) {
      const code = this.unsigned(1);
      if (code === STOP) return this.pop();
      const step = STEPS[code];
      if (!step) throw this.refuse(`opcode 0x${code.toString(16)} at offset ${this.position - 1}`);
      step(this);
    }
  }

  push(value: PickleValue): void {
    // numbers and names cost no more than their bytes
    if (typeof value === 'string' || (typeof value === 'object' && value !== null)) this.#charge(1);
    this.#stack.push(value);
  }

  #charge(objects: number): void {
    this.#objects += objects;
    if (this.#objects > MOST_OBJECTS) throw this.refuse(`more than ${MOST_OBJECTS} objects`);
  }

  mark(): void {
    this.#stack.push(MARK);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.damaged('an empty stack');
    return value;
  }

  #top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  popToMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.damaged('no mark on the stack');
    return this.#stack.splice(at).slice(1) as PickleValue[];
  }

  remember(index: number): void {
    const value = this.#top();
    this.#charge(1);
    this.#memo.set(index, value);
  }

  memoize(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.damaged(`no memo ${index}`);
    this.#stack.push(value);
  }

  append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.damaged('items for something that is no list');
    for (const item of items) list.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const dictionary = this.#top();
    if (!(dictionary instanceof Map)) throw this.damaged('keys for something that is no dictionary');
    for (let i = 0; i + 1 < items.length; i += 2) dictionary.set(items[i]!, items[i + 1]!);
  }

  pushGlobal(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.damaged('a global without a name');
    const full = `${module}.${name}`;
    const global = this.rules.global(full);
    if (!global) throw this.refuse(`the global ${full}`);
    this.push(global);
  }

  reduce(): void {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args))
      throw this.damaged('a call without a function');
    if (!callee.call) throw this.refuse(`a call of ${callee.name}`);
    // one list or text can be the argument of any number of calls
    for (const arg of args) {
      if (Array.isArray(arg)) this.#charge(arg.length);
      else if (typeof arg === 'string') this.#charge(Math.ceil(arg.length / TEXT_AN_OBJECT));
    }
    this.push(callee.call(args));
  }

  build(): void {
    const [object, state] = this.popMany(2);
    if (object instanceof PickleObject) object.setState(state!);
    this.#stack.push(object!);
  }

  unsigned(size: 1 | 2 | 4): number {
    const at = this.#advance(size);
    if (size === 1) return this.#view.getUint8(at);
    return size === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }

  /** A length of eight bytes. */
  length8(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  signed4(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  float8(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number): string {
    return Buffer.from(this.bytes(length)).toString('utf8');
  }

  /** Text up to a line feed. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position);
    if (end < 0) throw this.damaged('a line without an end');
    const text = this.text(end - this.position);
    this.position = end + 1;
    return text;
  }

  /** Two's complement, little-endian. */
  integer(length: number): number | bigint {
    const bytes = this.bytes(length);
    const magnitude = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const value = BigInt.asIntN(8 * length, magnitude);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  damaged(found: string): WeightsError {
    return new WeightsError(
      `expected a pickle in ${this.rules.source}, found ${found} at offset ${this.position}; ` +
        'the file is damaged, fetch it again',
    );
  }

  refuse(found: string): WeightsError {
    return new WeightsError(
      `expected only tensors and plain containers in ${this.rules.source}, found ${found}; pickles are not ` +
        'executed here: save the state_dict alone, best as safetensors, and distrust files of unknown origin',
    );
  }

  #advance(size: number): number {
    const at = this.position;
    if (at + size > this.#bytes.length) throw this.damaged('the end of the data');
    this.position = at + size;
    return at;
  }
}

const STOP = 0x2e;

const STEPS: Readonly<Record<number, Step>> = {
  // structure
  128: (m) => m.unsigned(1), // PROTO
  149: (m) => m.length8(), // FRAME
  40: (m) => m.mark(), // MARK
  48: (m) => m.pop(), // POP
  49: (m) => m.popToMark(), // POP_MARK
  // constants
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  // numbers
  74: (m) => m.push(m.signed4()), // BININT
  75: (m) => m.push(m.unsigned(1)), // BININT1
  77: (m) => m.push(m.unsigned(2)), // BININT2
  138: (m) => m.push(m.integer(m.unsigned(1))), // LONG1
  71: (m) => m.push(m.float8()), // BINFLOAT
  // text and bytes
  88: (m) => m.push(m.text(m.unsigned(4))), // BINUNICODE
  140: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINUNICODE
  84: (m) => m.push(m.text(m.unsigned(4))), // BINSTRING, of Python 2
  85: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINSTRING, of Python 2
  66: (m) => m.push(m.bytes(m.unsigned(4))), // BINBYTES
  67: (m) => m.push(m.bytes(m.unsigned(1))), // SHORT_BINBYTES
  // lists and tuples
  93: (m) => m.push([]), // EMPTY_LIST
  41: (m) => m.push([]), // EMPTY_TUPLE
  108: (m) => m.push(m.popToMark()), // LIST
  116: (m) => m.push(m.popToMark()), // TUPLE
  133: (m) => m.push(m.popMany(1)), // TUPLE1
  134: (m) => m.push(m.popMany(2)), // TUPLE2
  135: (m) => m.push(m.popMany(3)), // TUPLE3
  97: (m) => m.append(m.popMany(1)), // APPEND
  101: (m) => m.append(m.popToMark()), // APPENDS
  // sets, which are lists here
  143: (m) => m.push([]), // EMPTY_SET
  144: (m) => m.append(m.popToMark()), // ADDITEMS
  // dictionaries
  125: (m) => m.push(new Map()), // EMPTY_DICT
  115: (m) => m.setItems(m.popMany(2)), // SETITEM
  117: (m) => m.setItems(m.popToMark()), // SETITEMS
  // memo
  104: (m) => m.recall(m.unsigned(1)), // BINGET
  106: (m) => m.recall(m.unsigned(4)), // LONG_BINGET
  113: (m) => m.remember(m.unsigned(1)), // BINPUT
  114: (m) => m.remember(m.unsigned(4)), // LONG_BINPUT
  148: (m) => m.memoize(), // MEMOIZE
  // objects
  99: (m) => m.pushGlobal(m.line(), m.line()), // GLOBAL
  147: (m) => {
    const [module, name] = m.popMany(2); // STACK_GLOBAL
    m.pushGlobal(module!, name!);
  },
  82: (m) => m.reduce(), // REDUCE
  129: (m) => m.reduce(), // NEWOBJ
  98: (m) => m.build(), // BUILD: the attributes of an object, such as `_metadata` of a state_dict
  81: (m) => m.push(m.rules.persistent(m.pop())), // BINPERSID
};
