// What a pickle may hold of NumPy: scalars and arrays of whole numbers, floats and booleans, as NumPy 1 and 2 pickle
// them with protocol 2. They become plain numbers and arrays of these; nothing of NumPy is called.

import { PickleGlobal, PickleObject, type PickleRules, type PickleValue } from './pickle.ts';

/** An element type; its byte order comes with its state. */
class NumpyType extends PickleObject {
  readonly kind = 'dtype';
  readonly code: string;
  order = '|';

  constructor(code: string) {
    super();
    this.code = code;
  }

  override setState(state: PickleValue): void {
    const order = Array.isArray(state) ? state[1] : undefined;
    if (typeof order === 'string') this.order = order;
  }

  /** Numbers that little-endian bytes hold; undefined where this is none of the types that are read. */
  decode(bytes: Uint8Array): number[] | undefined {
    const size = Number(this.code.slice(1));
    const read = READERS[this.code];
    if (!read || !['<', '|', '='].includes(this.order) || bytes.length % size !== 0) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size));
  }
}

const READERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  b1: (view, at) => view.getUint8(at),
  u1: (view, at) => view.getUint8(at),
  i1: (view, at) => view.getInt8(at),
  i2: (view, at) => view.getInt16(at, true),
  i4: (view, at) => view.getInt32(at, true),
  i8: (view, at) => Number(view.getBigInt64(at, true)),
  f4: (view, at) => view.getFloat32(at, true),
  f8: (view, at) => view.getFloat64(at, true),
};

/** An array, of which only the numbers are kept, in the order in which they stand. */
export class NumpyArray extends PickleObject {
  readonly kind = 'ndarray';
  #elements: { readonly type: NumpyType; readonly data: Uint8Array } | undefined;
  #values: readonly number[] | undefined;

  /** Undefined before its state came, and for elements of other types. */
  get values(): readonly number[] | undefined {
    // when somebody asks: a pickle can set the state of one array any number of times
    this.#values ??= this.#elements?.type.decode(this.#elements.data);
    return this.#values;
  }

  override setState(state: PickleValue): void {
    const [, , type, , data] = Array.isArray(state) ? state : [];
    if (type instanceof NumpyType && data instanceof Uint8Array) this.#elements = { type, data };
  }
}

const MOST_SCALAR_BYTES = 8;

/** Adds NumPy's to the globals of other rules. */
export function withNumpy(rules: PickleRules): PickleRules {
  return { ...rules, global: (name) => numpyGlobal(name) ?? rules.global(name) };
}

function numpyGlobal(name: string): PickleGlobal | undefined {
  switch (name.replace(/^numpy\._core\./, 'numpy.core.')) {
    case 'numpy.ndarray':
      return new PickleGlobal(name);
    case 'numpy.dtype':
      return new PickleGlobal(name, ([code]) => new NumpyType(typeof code === 'string' ? code : ''));
    case 'numpy.core.multiarray._reconstruct':
      return new PickleGlobal(name, () => new NumpyArray());
    case 'numpy.core.multiarray.scalar':
      return new PickleGlobal(name, ([type, bytes]) => {
        if (!(type instanceof NumpyType && bytes instanceof Uint8Array)) return null;
        return type.decode(bytes.subarray(0, MOST_SCALAR_BYTES))?.[0] ?? null;
      });
    case '_codecs.encode':
      // how protocol 2 writes bytes
      return new PickleGlobal(name, ([text]) =>
        typeof text === 'string' ? Buffer.from(text, 'latin1') : null,
      );
    default:
      return undefined;
  }
}
