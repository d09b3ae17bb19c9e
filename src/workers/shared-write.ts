// How far a worker got with a write into shared memory, noted in shared memory itself, because a worker that dies
// cannot say. An update of weights must happen exactly once: one that had not begun may be done again, one that was
// complete must not be, and one that was cut off in the middle has left weights that nobody can use.

const [UNTOUCHED, BEGUN, COMPLETE] = [0, 1, 2];

/** A note of its own for one write. */
export function newWriteNote(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** Runs `write` and notes its beginning and its end. */
export function noted(note: Int32Array, write: () => void): void {
  Atomics.store(note, 0, BEGUN);
  write();
  Atomics.store(note, 0, COMPLETE);
}

/** What is left of a write whose worker died. */
export function leftOf(note: Int32Array): 'untouched' | 'torn' | 'complete' {
  const found = Atomics.load(note, 0);
  if (found === UNTOUCHED) return 'untouched';
  return found === COMPLETE ? 'complete' : 'torn';
}
