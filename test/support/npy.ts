// Reads the .npy files (version 1.0, C order) that hold the reference implementation's numbers.
// Only the dtypes that occur there: little-endian float32, float64, int32, int64, and uint8.

import { readFileSync } from 'node:fs';

export interface NpyArray<T extends ArrayLike<number> = Float32Array> {
  readonly shape: readonly number[];
  readonly data: T;
}

const DECODERS: Readonly<Record<string, (bytes: ArrayBuffer) => ArrayLike<number>>> = {
  '<f4': (bytes) => new Float32Array(bytes),
  '<f8': (bytes) => new Float64Array(bytes),
  '<i4': (bytes) => new Int32Array(bytes),
  '<i8': (bytes) => Array.from(new BigInt64Array(bytes), Number),
  '|u1': (bytes) => new Uint8Array(bytes),
};

/** Reads one array; the type argument must name what the file holds (`'<f4'` gives a Float32Array, and so on). */
export function readNpy<T extends ArrayLike<number> = Float32Array>(path: string): NpyArray<T> {
  const file = readFileSync(path);
  if (file.subarray(0, 8).toString('latin1') !== '\x93NUMPY\x01\x00') {
    throw new Error(`${path}: expected .npy version 1.0`);
  }
  const headerEnd = 10 + file.readUInt16LE(8);
  const header = file.subarray(10, headerEnd).toString('latin1');
  const descr = /'descr': '([^']+)'/.exec(header)?.[1] ?? '';
  const dimensions = /'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '';
  const decode = DECODERS[descr];
  if (decode === undefined || !header.includes("'fortran_order': False")) {
    throw new Error(`${path}: cannot read ${header}`);
  }
  const bytes = new Uint8Array(file.subarray(headerEnd)).buffer;
  const shape = dimensions.split(',').filter((part) => part.trim() !== '');
  return { shape: shape.map(Number), data: decode(bytes) as T };
}
