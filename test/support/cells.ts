// Tables of counts as tests write them down: row after row, zeros and all.

import { addCell, type Cells, type MutableCells } from '../../src/defense/evidence/cells.ts';

/** @param dense row-major [size, size] */
export function cellsOf(dense: readonly number[], size = Math.sqrt(dense.length)): Cells {
  const cells: MutableCells = {};
  for (const [i, count] of dense.entries()) {
    if (count !== 0) addCell(cells, Math.floor(i / size), i % size, count);
  }
  return cells;
}
