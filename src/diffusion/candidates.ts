// Candidates as they travel: uint8 [N, rounds × keep, C, H, W], those of an image in the order in which they were made.

/** The last candidate of each of `count` images: uint8 [N, C, H, W]. A copy, because parts would hold all of them. */
export function lastCandidates(candidates: Uint8Array, count: number, perSample: number): Uint8Array {
  const size = candidates.length / count / perSample;
  const last = new Uint8Array(count * size);
  for (let n = 0; n < count; n++) {
    const from = ((n + 1) * perSample - 1) * size;
    last.set(candidates.subarray(from, from + size), n * size);
  }
  return last;
}
