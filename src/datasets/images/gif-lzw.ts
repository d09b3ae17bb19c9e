// LZW as GIF has it: codes of a growing width, each of which stands for a row of pixels that came before and one more.
// https://www.w3.org/Graphics/GIF/spec-gif89a.txt, appendix F

const MOST_CODES = 4096;
/** Of a pixel, as files say; some say more than the 8 that there are. */
const [LEAST_BITS, MOST_BITS] = [1, 11];
const MOST_COLORS = 256;

/**
 * Unpacks pixels.
 *
 * @param data  codes, packed from the lowest bit on
 * @param bits  of a pixel, as the file says
 * @param count of the pixels that are wanted
 * @returns those that there are, which are fewer where the data end or are damaged
 */
export function unpackLzw(data: Uint8Array, bits: number, count: number): Uint8Array {
  const most = ((8 * data.length) / (bits + 1)) * MOST_CODES;
  if (bits < LEAST_BITS || bits > MOST_BITS || count > most) return new Uint8Array(0);
  const pixels = new Uint8Array(count);
  const [clear, end] = [1 << bits, (1 << bits) + 1];
  // where the pixels of a code begin, and how many they are; a code is one that came before and the pixel after it
  const [begins, lengths] = [new Int32Array(MOST_CODES), new Int32Array(MOST_CODES)];
  let [next, width, before] = [end + 1, bits + 1, -1];
  let [held, heldBits, done, begun] = [0, 0, 0, 0];
  for (let at = 0; done < count; ) {
    for (; heldBits < width && at < data.length; at++, heldBits += 8) held |= data[at]! << heldBits;
    if (heldBits < width) break;
    const code = held & ((1 << width) - 1);
    held >>>= width;
    heldBits -= width;
    if (code === end) break;
    if (code === clear) {
      [next, width, before] = [end + 1, bits + 1, -1];
      continue;
    }
    if (code > next || (code === next && before < 0) || (code < clear && code >= MOST_COLORS)) break;
    if (before >= 0 && next < MOST_CODES) {
      begins[next] = begun;
      lengths[next] = done - begun + 1;
      next += 1;
      if (next === 1 << width && width < 12) width += 1;
    }
    begun = done;
    if (code < clear) pixels[done++] = code;
    else {
      const from = begins[code]!;
      // the last pixel of a code that was just made is the first one of itself
      for (let n = 0; n < lengths[code]! && done < count; n++) pixels[done++] = pixels[from + n]!;
    }
    before = code;
  }
  return pixels.subarray(0, done);
}
