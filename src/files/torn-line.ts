// What a process leaves of a file of lines that is killed while it appends to it: half a line. Whoever goes on with the file
// takes that away first, or the next line would be glued to it and both be lost.

import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';

const BLOCK = 1 << 16;
const NEWLINE = 0x0a;

/** Cuts off what stands after the last line break of a file; where there is no file, nothing happens. */
export function cutTornLine(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    const end = endOfLines(descriptor, size);
    if (end < size) ftruncateSync(descriptor, end);
  } finally {
    closeSync(descriptor);
  }
}

/** Where the last whole line of a file ends. */
function endOfLines(descriptor: number, size: number): number {
  const block = Buffer.alloc(BLOCK);
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - BLOCK);
    const read = readSync(descriptor, block, 0, end - begin, begin);
    const at = block.subarray(0, read).lastIndexOf(NEWLINE);
    if (at >= 0) return begin + at + 1;
    end = begin;
  }
  return 0;
}
