// Room for a call's arrays, used again by the next one: fresh arrays of this size for each batch would have V8 collect
// garbage all the time.

export class Scratch {
  /** What no call uses now. */
  #free = new Float32Array(0);

  /** Runs `work` with an array of `length` numbers, whatever is in it; calls that overlap have arrays of their own. */
  async use<T>(length: number, work: (array: Float32Array) => Promise<T>): Promise<T> {
    const taken = this.#free.length < length ? new Float32Array(length) : this.#free;
    this.#free = new Float32Array(0);
    try {
      return await work(taken.subarray(0, length));
    } finally {
      this.#free = taken;
    }
  }
}
