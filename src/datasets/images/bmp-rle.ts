// The run-length coding of BMP: pairs of a count and a value, rows of values as they are, and jumps, which leave out
// pixels. Those that are left out have the first color. https://learn.microsoft.com/windows/win32/gdi/bitmap-compression

/** After a count of 0. */
const [END_OF_ROW, END, JUMP] = [0, 1, 2];

/** What is unpacked, and of what. */
export interface RunLengths {
  readonly width: number;
  readonly height: number;
  /** 4 or 8. */
  readonly depth: number;
}

/**
 * Unpacks a BMP.
 *
 * @param data from the first pair on
 * @returns indices of colors, row after row as they are stored; undefined where the data end too soon
 */
export function unpackRunLengths(
  data: Uint8Array,
  { width, height, depth }: RunLengths,
): Uint8Array | undefined {
  const indices = new Uint8Array(width * height);
  let [x, y] = [0, 0];
  // what is beyond the end of a row is left out
  const put = (index: number) => {
    if (x < width && y < height) indices[y * width + x] = index;
    x += 1;
  };
  const half = (byte: number, n: number) => (n % 2 === 0 ? byte >> 4 : byte & 15);
  for (let at = 0; at + 1 < data.length; ) {
    const [count, value] = [data[at]!, data[at + 1]!];
    at += 2;
    if (count > 0) {
      for (let n = 0; n < count; n++) put(depth === 8 ? value : half(value, n));
    } else if (value === END) return indices;
    else if (value === END_OF_ROW) [x, y] = [0, y + 1];
    else if (value === JUMP) {
      [x, y] = [x + (data[at] ?? 0), y + (data[at + 1] ?? 0)];
      at += 2;
    } else {
      const bytes = Math.ceil((value * depth) / 8);
      if (at + bytes > data.length) return undefined;
      for (let n = 0; n < value; n++) put(depth === 8 ? data[at + n]! : half(data[at + (n >> 1)]!, n));
      // in words of two bytes
      at += bytes + (bytes % 2);
    }
    // some leave out the end
    if (y >= height) return indices;
  }
  return y === height - 1 && x >= width ? indices : undefined;
}
