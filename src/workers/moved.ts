// Results of threads whose arrays are moved to the thread that asked, not copied: Piscina takes plain objects for this
// only when they name what is to be moved.

import { move, transferableSymbol, valueSymbol } from 'piscina';

/** @param arrays of the result; their memory is gone here */
export function moved(result: object, arrays: readonly ArrayBufferView[]): unknown {
  const buffers = arrays.map((array) => array.buffer as ArrayBuffer);
  return move({
    get [valueSymbol]() {
      return result;
    },
    get [transferableSymbol]() {
      return buffers;
    },
  });
}
