// Undoes the row filters of PNG images that have 8 bits a channel, one row after the other: the last step of decoding
// (PNG specification, section 9.2). It stands here because it is most of what reading small images costs where a
// library inflates and copies them several times; PNGs of any other kind are left to fast-png as a whole.

/**
 * The bytes of the pixels, row after row.
 *
 * @param data       inflated image data: for each row the kind of its filter, and then `rowBytes` bytes
 * @param pixelBytes channels of a pixel
 * @returns undefined where a row has a filter that does not exist
 */
export function unfiltered(
  data: Uint8Array,
  height: number,
  rowBytes: number,
  pixelBytes: number,
): Uint8Array | undefined {
  // a row of zeros stands above the first one, as the specification has it
  const rows = new Uint8Array((height + 1) * rowBytes);
  for (let y = 0; y < height; y++) {
    const from = y * (rowBytes + 1) + 1;
    const to = (y + 1) * rowBytes;
    rows.set(data.subarray(from, from + rowBytes), to);
    if (!undo(data[from - 1]!, rows, to, rowBytes, pixelBytes)) return undefined;
  }
  return rows.subarray(rowBytes);
}

/** Adds to each byte of the row at `start` what its filter took away. @returns whether there is such a filter */
function undo(
  filter: number,
  rows: Uint8Array,
  start: number,
  rowBytes: number,
  pixelBytes: number,
): boolean {
  const end = start + rowBytes;
  const second = start + pixelBytes;
  switch (filter) {
    case 0:
      return true;
    case 1:
      for (let i = second; i < end; i++) rows[i]! += rows[i - pixelBytes]!;
      return true;
    case 2:
      for (let i = start; i < end; i++) rows[i]! += rows[i - rowBytes]!;
      return true;
    case 3:
      for (let i = start; i < end; i++) {
        const left = i < second ? 0 : rows[i - pixelBytes]!;
        rows[i]! += (left + rows[i - rowBytes]!) >> 1;
      }
      return true;
    case 4:
      for (let i = start; i < second; i++) rows[i]! += rows[i - rowBytes]!;
      for (let i = second; i < end; i++) {
        rows[i]! += paeth(rows[i - pixelBytes]!, rows[i - rowBytes]!, rows[i - rowBytes - pixelBytes]!);
      }
      return true;
    default:
      return false;
  }
}

/** Of the neighbours to the left, above, and above to the left, the one that is nearest to left + above − corner. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
